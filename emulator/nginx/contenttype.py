"""Of what type a response is, for filters that act upon some types only (ngx_http_test_content_type)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING

if TYPE_CHECKING:
    from emulator.nginx.request import Request

_WITH_CHARSET = re.compile(rb"(.*?); *charset=\"?(.*?)\"?\Z", re.IGNORECASE | re.DOTALL)


def type_of(r: Request) -> tuple[bytes, bytes]:
    """The content type and its charset; they are told apart only where an upstream said both
    (ngx_http_upstream_copy_content_type) or a filter has named the charset."""
    text = r.content_type
    if text is None:
        return b"", b""
    if r.charset is not None:
        return text, r.charset
    head = r.upstream.head if r.upstream is not None else None
    if head is not None and head.index.get(b"content-type") is text:
        found = _WITH_CHARSET.match(text)
        if found:
            return found[1], found[2]
    return text, b""


def type_test(kinds: Iterable[str]) -> Callable[[Request], bool]:
    """Whether a response is of one of these types; `*` stands for all, and for none at all."""
    types = frozenset(kind.lower().encode(*ENCODING) for kind in kinds)
    if b"*" in types:
        return lambda r: True
    return lambda r: r.content_type is not None and type_of(r)[0].lower() in types
