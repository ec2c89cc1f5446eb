"""Lists of what is in a folder, as html, xml, json or jsonp (ngx_http_autoindex_module.c)."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx import output
from emulator.nginx.conf import ENCODING
from emulator.nginx.request import AGAIN, DECLINED, Handler, Request

if TYPE_CHECKING:
    from emulator.nginx.directives import Block

_WIDTH = 50  # NGX_HTTP_AUTOINDEX_NAME_LEN
_CALLBACK_MOST = 128  # NGX_HTTP_AUTOINDEX_... for ?callback=
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DAYS = b"Mon Tue Wed Thu Fri Sat Sun".split()
_NAME = re.compile(rb"[A-Za-z0-9_.]*\Z")
_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30

_NOT_FOUND = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG))
_COMPONENT = re.compile(rb"[^A-Za-z0-9_.~-]")  # what NGX_ESCAPE_URI_COMPONENT escapes
_HTML = re.compile(rb'[<>&"]')
_HTML_NAMES = {b"<": b"&lt;", b">": b"&gt;", b"&": b"&amp;", b'"': b"&quot;"}
_JSON = re.compile(rb'[\x00-\x1f"\\]')
_JSON_NAMES = {b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t", b"\b": b"\\b", b"\f": b"\\f"}


class Entry(NamedTuple):
    """One name in a folder; what it is, is what a link leads to."""

    name: bytes
    folder: bool
    file: bool
    mtime: int
    size: int

    @property
    def kind(self) -> bytes:
        return b"directory" if self.folder else b"file" if self.file else b"other"


class Style(NamedTuple):
    """How the html list shows times and sizes; `utf8`: a name is as wide as its characters are many."""

    localtime: bool = False
    exact_size: bool = True
    utf8: bool = False


def compile_autoindex(block: Block) -> Handler:
    """The handler of a location that lists its folders."""
    form: str = block.inherited("autoindex_format")
    style = Style(block.inherited("autoindex_localtime"), block.inherited("autoindex_exact_size"))

    def handler(r: Request) -> int:
        if not r.path.endswith(b"/") or r.method not in (b"GET", b"HEAD"):
            return DECLINED
        if rejected := r.discard_body():
            return rejected
        callback = _callback(r) if form == "jsonp" else b""
        if callback is None:
            return 400
        return _answer(r, "json" if form == "jsonp" and not callback else form, style, callback)

    return handler


def _callback(r: Request) -> bytes | None:
    """The name that `?callback=` gives, b"" where there is none; None for what is no name."""
    found = re.search(rb"(?i)(?:^|&)callback=([^&]*)", r.args)
    callback: bytes = found[1] if found else b""
    wrong = "too long" if len(callback) > _CALLBACK_MOST else "" if _NAME.match(callback) else "invalid"
    if wrong:
        r.log_error("info", f'client sent {wrong} callback name: "{callback.decode(*ENCODING)}"')
        return None
    return callback


def _answer(r: Request, form: str, style: Style, callback: bytes) -> int:
    folder = r.location.map_path(r)
    shown = folder[:-1] if len(folder) > 1 else folder  # the slash, unless an alias lacks it
    folder = f"{shown}/"
    try:
        names = os.listdir(os.fsencode(r.worker.namespace.path(folder)))  # noqa: PTH208
    except (OSError, ValueError) as error:
        return _open_failed(r, shown, error)
    r.status = 200
    r.content_type = _TYPES[form]
    if not output.send_header(r):
        return AGAIN
    if r.header_only:
        r.finalize_output()
        return AGAIN
    entries = _entries(r, folder, names)
    if entries is None:
        r.connection.abort(r)
        return AGAIN
    output.send_body(r, _body(r, form, style, callback, entries))
    r.finalize_output()
    return AGAIN


def _open_failed(r: Request, folder: str, error: OSError | ValueError) -> int:
    code = (error.errno if isinstance(error, OSError) else None) or errno.ENOENT
    if code in _NOT_FOUND:
        level, status = "error", 404
    elif code == errno.EACCES:
        level, status = "error", 403
    else:
        level, status = "crit", 500
    r.log_error(level, f'opendir() "{folder}" failed ({code}: {os.strerror(code)})')
    return status


def _entries(r: Request, folder: str, names: Iterable[bytes]) -> list[Entry] | None:
    """Folders first, then by their octets; None where the answer cannot be completed."""
    real = os.fsencode(r.worker.namespace.path(folder))
    found = []
    for name in names:
        if name.startswith(b"."):
            continue
        path = os.path.join(real, name)  # noqa: PTH118
        try:
            facts = _facts(path)
        except OSError as error:
            shown = f"{folder}{name.decode(*ENCODING)}"
            r.log_error("crit", f'stat() "{shown}" failed ({error.errno}: {error.strerror})')
            if error.errno == errno.EACCES:
                continue
            return None
        mode = facts.st_mode
        found.append(Entry(name, stat.S_ISDIR(mode), stat.S_ISREG(mode), int(facts.st_mtime), facts.st_size))
    found.sort(key=lambda entry: (not entry.folder, entry.name))
    return found


def _facts(path: bytes) -> os.stat_result:
    """Of what a link leads to; of the link itself where it leads nowhere."""
    try:
        return os.stat(path)  # noqa: PTH116
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        return os.lstat(path)


_TYPES = {
    "html": b"text/html",
    "xml": b"text/xml; charset=utf-8",
    "json": b"application/json",
    "jsonp": b"application/javascript",
}


def _body(r: Request, form: str, style: Style, callback: bytes, entries: list[Entry]) -> bytes:
    if form == "xml":
        return as_xml(entries)
    if form != "html":
        return as_json(entries, callback)
    kind = (r.content_type or b"").lower()
    offset = time.localtime().tm_gmtoff if style.localtime else 0
    return as_html(r.path, entries, style._replace(utf8=kind.endswith(b"charset=utf-8")), offset)


def as_html(path: bytes, entries: Iterable[Entry], style: Style, offset: int) -> bytes:
    """The list for people; times are `offset` seconds from Greenwich."""
    title = escape_html(path)
    lines = [
        b"<html>\r\n<head><title>Index of %b</title></head>\r\n<body>\r\n<h1>Index of %b</h1>"
        % (title, title),
        b'<hr><pre><a href="../">../</a>\r\n',
    ]
    size = _exact if style.exact_size else _rounded
    for entry in entries:
        slash = b"/" if entry.folder else b""
        when = time.gmtime(entry.mtime + offset)
        lines.append(
            b'<a href="%b%b">%b %02d-%b-%d %02d:%02d %b\r\n'
            % (
                *(_COMPONENT.sub(_percent, entry.name), slash, _label(entry, style.utf8)),
                *(when.tm_mday, _MONTHS[when.tm_mon - 1], when.tm_year, when.tm_hour, when.tm_min),
                size(entry),
            )
        )
    lines.append(b"</pre><hr></body>\r\n</html>\r\n")
    return b"".join(lines)


def _label(entry: Entry, utf8: bool) -> bytes:
    """A name of at most 50 characters, the end of the link, and blanks up to the next column."""
    name = entry.name
    text: Callable[[int], bytes] = lambda most: name[:most]  # noqa: E731
    width = len(name)
    if utf8:
        characters = utf8_characters(name)
        if characters is not None and len(characters) != width:
            width = len(characters)
            text = lambda most: b"".join(characters[:most])  # noqa: E731
    if width > _WIDTH:
        return escape_html(text(_WIDTH - 3)) + b"..&gt;</a>"
    slash = b"/" if entry.folder and width < _WIDTH else b""
    return b"%b%b</a>%b" % (escape_html(name), slash, b" " * (_WIDTH - width - len(slash)))


def utf8_characters(name: bytes) -> list[bytes] | None:
    """A name cut into characters; None if it is not UTF-8 (ngx_utf8_length)."""
    try:
        return [each.encode() for each in name.decode()]
    except UnicodeDecodeError:
        return None


def _exact(entry: Entry) -> bytes:
    return b"%19b" % (b"-" if entry.folder else b"%d" % entry.size)


def _rounded(entry: Entry) -> bytes:
    if entry.folder:
        return b"      -"
    size = entry.size
    for unit, from_, sign in ((_GIB, _GIB, b"G"), (_MIB, _MIB, b"M"), (_KIB, 10000, b"K")):
        if size >= from_:
            return b"%6d%b" % (size // unit + (size % unit > unit // 2 - 1), sign)
    return b" %6d" % size


def as_xml(entries: Iterable[Entry]) -> bytes:
    """A `<list>` of elements named by what they are."""
    lines = [b'<?xml version="1.0"?>\r\n<list>\r\n']
    for entry in entries:
        size = b' size="%d"' % entry.size if entry.file else b""
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.mtime)).encode("ascii")
        name = escape_html(entry.name)
        lines.append(b'<%b mtime="%b"%b>%b</%b>\r\n' % (entry.kind, when, size, name, entry.kind))
    return b"".join((*lines, b"</list>\r\n"))


def as_json(entries: Iterable[Entry], callback: bytes = b"") -> bytes:
    """An array of objects; with a callback, the script that calls it."""
    objects = []
    for entry in entries:
        size = b', "size":%d' % entry.size if entry.file else b""
        name, when = _JSON.sub(_json_escaped, entry.name), _http_date(entry.mtime)
        objects.append(b'\r\n{ "name":"%b", "type":"%b", "mtime":"%b"%b }' % (name, entry.kind, when, size))
    text = b"[%b\r\n]" % b",".join(objects)
    return b"/* callback */\r\n%b(%b);" % (callback, text) if callback else text


def _http_date(seconds: int) -> bytes:
    when = time.gmtime(seconds)
    day, month = _DAYS[when.tm_wday], _MONTHS[when.tm_mon - 1]
    clock = (when.tm_hour, when.tm_min, when.tm_sec)
    return b"%b, %02d %b %d %02d:%02d:%02d GMT" % (day, when.tm_mday, month, when.tm_year, *clock)


def escape_html(text: bytes) -> bytes:
    """As ngx_escape_html."""
    return _HTML.sub(lambda found: _HTML_NAMES[found[0]], text)


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]


def _json_escaped(found: re.Match[bytes]) -> bytes:
    return _JSON_NAMES.get(found[0]) or (b"\\" + found[0] if found[0] in b'"\\' else b"\\u%04X" % found[0][0])
