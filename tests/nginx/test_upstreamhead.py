"""The head of an upstream's response, past the interim ones."""

from __future__ import annotations

import pytest

from emulator.http1.message import BadMessage
from emulator.nginx.upstreamhead import final_head

_FINAL = b"HTTP/1.1 200 OK\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def test_interim_responses_are_passed_over() -> None:
    found = final_head(_CONTINUE * 20 + _FINAL + b"body", 4096)
    assert found is not None
    assert (found[0].status, found[1], found[2]) == (200, b"body", len(_FINAL))


def test_interim_responses_without_end_are_an_error_and_are_not_kept() -> None:
    with pytest.raises(BadMessage, match="too many interim responses"):
        final_head(_CONTINUE * 1000, 4096)
