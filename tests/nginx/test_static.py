"""Files as they are sent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .serving import Serving

Serve = Callable[[str], Serving]

_CONF = "server { listen 80; root {root}; }"
_GET = b"GET /large HTTP/1.1\r\nHost: a\r\nRange: bytes=%b\r\n\r\n"


def test_hundreds_of_ranges_of_a_file_share_one_descriptor(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 1 << 30)
    serving = serve(_CONF)
    client = serving.client()
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208
    client.sendall(_GET % b",".join(b"%d-%d" % (at, at + 99_999) for at in range(0, 40_000_000, 100_000)))
    serving.turn()
    assert client.recv(64).startswith(b"HTTP/1.1 206")
    assert len(os.listdir("/dev/fd")) <= before + 1  # noqa: PTH208
    client.close()
    serving.until(lambda: not serving.worker.connections)
    assert len(os.listdir("/dev/fd")) <= before  # noqa: PTH208


@pytest.mark.parametrize("asked", [b"%b1-2", b"1-%b2"])
def test_a_number_may_begin_with_thousands_of_zeros(serve: Serve, tmp_path: Path, asked: bytes) -> None:
    (tmp_path / "large").write_bytes(b"abcd")
    serving = serve(_CONF)
    answer = serving.answer(serving.client(_GET % (asked % (b"0" * 5000))))
    assert answer.endswith(b"\r\n\r\nbc")
