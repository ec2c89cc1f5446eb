"""URIs as nginx sees them: normalised once on bytes (ngx_http_parse_complex_uri), escaped on the way out."""

from __future__ import annotations

import re

from emulator.http1.message import BadMessage

_PERCENT = re.compile(rb"%(..?)?", re.DOTALL)
_HEX = re.compile(rb"[0-9A-Fa-f]{2}\Z")
_CODED = re.compile(rb"%([0-9A-Fa-f]{2})|%[0-9A-Fa-f].?|%(.?)", re.DOTALL)
_MARK = re.compile(rb"\?|%3[Ff]")
_SLASHES = re.compile(rb"//+")

# what ngx_escape_uri escapes, by the place the text goes to
_ESCAPE_URI = re.compile(rb"[\x00-\x20\"#%<>?\\^`{|}\x7f-\xff]")
_ESCAPE_ARGS = re.compile(rb"[\x00-\x20\"#%&+;<>?\\^`{|}\x7f-\xff]")


def normalize(raw: bytes, merge_slashes: bool = True) -> tuple[bytes, bytes]:
    """Path (decoded, slashes merged, dots resolved) and arguments of a target; BadMessage(400) if unsafe."""
    raw = raw.partition(b"#")[0]
    path, _, args = raw.partition(b"?")
    if b"%" in path:
        path = _PERCENT.sub(_decode, path)
    if merge_slashes and b"//" in path:
        path = _SLASHES.sub(b"/", path)
    if b"/." in path:
        path = _resolve_dots(path)
    return path, args


def _invalid() -> BadMessage:
    return BadMessage(400, "client sent invalid request while reading client request line")


def _decode(found: re.Match[bytes]) -> bytes:
    digits = found[1]
    if digits is None or not _HEX.match(digits) or digits == b"00":
        raise _invalid()
    return bytes.fromhex(digits.decode("ascii"))


def _resolve_dots(path: bytes) -> bytes:
    kept: list[bytes] = []
    segments = path.split(b"/")
    last = len(segments) - 1
    for i, segment in enumerate(segments):
        if segment == b".":
            if i == last:
                kept.append(b"")
        elif segment == b"..":
            if len(kept) < 2:
                raise _invalid()
            kept.pop()
            if i == last:
                kept.append(b"")
        else:
            kept.append(segment)
    return b"/".join(kept)


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]


def escape_uri(path: bytes) -> bytes:
    """A decoded path as nginx writes it into a request line or a Location (NGX_ESCAPE_URI)."""
    return _ESCAPE_URI.sub(_percent, path)


def escape_args(text: bytes) -> bytes:
    """A decoded text as part of an argument (NGX_ESCAPE_ARGS)."""
    return _ESCAPE_ARGS.sub(_percent, text)


def unescape_redirect(target: bytes) -> bytes:
    """A redirect's URL up to its ?: needless codes are undone, broken ones go (NGX_UNESCAPE_REDIRECT)."""
    if b"%" not in target:
        return target
    mark = _MARK.search(target)
    if mark is None:
        return _CODED.sub(_readable, target)
    return _CODED.sub(_readable, target[: mark.start()]) + b"?" + target[mark.end() :]


def _readable(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        return found[2] or b""
    octet = int(found[1], 16)
    return bytes((octet,)) if 0x25 < octet < 0x7F else found[0]
