"""The same client to the same peer, by a cookie, a route or a session (ngx_http_upstream_sticky_module.c)."""

from __future__ import annotations

import email.utils
import hashlib
import struct
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.modules.sticky import NEVER_EXPIRES, is_same_site
from emulator.nginx.variables import compile_getter, compile_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.nginx.directives import Block
    from emulator.nginx.modules.sticky import Cookie, Learn, Sticky
    from emulator.nginx.request import Request
    from emulator.nginx.upstream import Choosing, Group, Peer, Tried
    from emulator.nginx.variables import Template
    from emulator.nginx.zones import Memory

_SESSION = struct.Struct("=16sqB32s7x")  # the sum of its name, when it was last used, the peer's name
_STATE = 128  # what nginx needs for one session, about
_WAYS = 8


class Sessions:
    """Which peer a session belongs to, in memory that all workers share; the oldest ones make room."""

    __slots__ = ("_memory", "_places", "_timeout")

    def __init__(self, memory: Memory, timeout: int) -> None:
        self._memory = memory
        self._timeout = timeout  # in milliseconds
        self._places = max(1, memory.size // (_STATE * _WAYS))

    def find(self, session: bytes, ms: int) -> bytes:
        """The peer of a session; empty when none is known."""
        with self._memory:
            at, key = self._place(session)
            for place in range(at, at + _SESSION.size * _WAYS, _SESSION.size):
                found, last, length, sid = _SESSION.unpack_from(self._memory.map, place)
                if found == key and length and ms - last <= self._timeout:
                    return bytes(sid[:length])
        return b""

    def note(self, session: bytes, sid: bytes, ms: int, *, create: bool) -> None:
        """A session has been served by a peer; a new one is only noted if `create` says so."""
        with self._memory:
            at, key = self._place(session)
            oldest, age = at, -1
            for place in range(at, at + _SESSION.size * _WAYS, _SESSION.size):
                found, last, length, _ = _SESSION.unpack_from(self._memory.map, place)
                gone = not length or ms - last > self._timeout
                if found == key and length and not (gone and not create):
                    oldest, create = place, True
                    break
                since = 1 << 62 if gone else ms - last
                if since > age:
                    oldest, age = place, since
            if create:
                _SESSION.pack_into(self._memory.map, oldest, key, ms, len(sid), sid)

    def _place(self, session: bytes) -> tuple[int, bytes]:
        key = hashlib.md5(session, usedforsecurity=False).digest()
        return int.from_bytes(key[:4], "little") % self._places * _SESSION.size * _WAYS, key

    def __repr__(self) -> str:
        return f"<Sessions, room for {self._places * _WAYS}>"


class Setting:
    """A group's `sticky`, compiled."""

    __slots__ = ("cookie", "create", "header", "lookup", "zone")

    def __init__(self, sticky: Sticky, own: frozenset[str]) -> None:
        self.lookup = tuple(compile_getter(name, own) for name in sticky.lookup)
        self.cookie = None if sticky.cookie is None else _cookie(sticky.cookie, own)
        learn: Learn | None = sticky.learn
        self.zone = None if learn is None else (learn.zone.name, learn.timeout)
        self.create = () if learn is None else tuple(compile_getter(name, own) for name in learn.create)
        self.header = learn is not None and learn.header

    def sessions(self, r: Request) -> Sessions | None:
        if self.zone is None:
            return None
        name, timeout = self.zone
        return Sessions(r.worker.conf.shared.zones[name].memory, timeout)


class StickyTurn:
    """A turn that begins with the peer a client is bound to, and binds it to the one it gets."""

    __slots__ = ("_cookie", "_id", "_inner", "_r", "_sessions", "_setting", "hint")

    def __init__(self, setting: Setting, inner: Choosing, r: Request) -> None:
        self._setting = setting
        self._inner = inner
        self.hint = b""
        self._r = r
        self._cookie: tuple[bytes, bytes] | None = None
        self._sessions = setting.sessions(r)
        self._id = next((value for get in setting.lookup if (value := get(r))), b"")

    def next(self, now: float) -> Peer | None:
        sid = self._id
        if sid and self._sessions is not None:
            sid = self._sessions.find(sid, int(now * 1000))
        self._inner.hint = sid
        peer = self._inner.next(now)
        if peer is not None and self._setting.cookie is not None:
            headers, cookie = self._r.headers_out, (b"Set-Cookie", self._setting.cookie(self._r, peer.sid))
            self._r.headers_out = [*(each for each in headers if each is not self._cookie), cookie]
            self._cookie = cookie
        return peer

    def answered(self, peer: Peer, attempt: Tried, now: float) -> None:
        if self._setting.header:
            self._learn(peer, now)
        self._inner.answered(peer, attempt, now)

    def free(self, peer: Peer, now: float, failed: bool, attempt: Tried | None = None) -> bool:
        if attempt is not None and self._sessions is not None and not self._setting.header:
            self._learn(peer, now)
        return self._inner.free(peer, now, failed, attempt)

    def _learn(self, peer: Peer, now: float) -> None:
        created = next((value for get in self._setting.create if (value := get(self._r))), b"")
        session = created or self._id
        if session and self._sessions is not None:
            self._sessions.note(session, peer.sid, int(now * 1000), create=bool(created))


def _cookie(cookie: Cookie, own: frozenset[str]) -> Callable[[Request, bytes], bytes]:
    """What makes a Set-Cookie's value of a peer's name (ngx_http_upstream_sticky_cookie_insert)."""
    name, path = cookie.name.encode(*ENCODING), cookie.path.encode(*ENCODING)
    domain, samesite = (compile_template(text, own) for text in (cookie.domain, cookie.samesite))
    flags = b"; httponly" * cookie.httponly + b"; secure" * cookie.secure

    def value(r: Request, sid: bytes) -> bytes:
        out = name + b"=" + sid + _expires(cookie.expires, r)
        if shown := domain(r):
            out += b"; domain=" + shown
        out += flags
        if site := _same_site(samesite, r):
            out += b"; samesite=" + site
        return out + b"; path=" + path if path else out

    return value


def _expires(seconds: int | None, r: Request) -> bytes:
    if seconds is None:
        return b""
    if seconds == NEVER_EXPIRES:
        return b"; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000"
    day, rest = email.utils.formatdate(r.worker.time() + seconds, usegmt=True).encode("ascii").split(b", ")
    date, month, year, time, zone = rest.split(b" ")
    return b"; expires=%b, %b-%b-%b %b %b; max-age=%d" % (day, date, month, year[2:], time, zone, seconds)


def _same_site(template: Template, r: Request) -> bytes:
    value = template(r)
    return value if not value or is_same_site(value.decode(*ENCODING)) else b"strict"


def name_peer(peer: Peer) -> None:
    """Give a peer what sessions know it by: its route, or the sum of its address."""
    name = hashlib.md5(peer.display.encode(*ENCODING), usedforsecurity=False).hexdigest()
    peer.sid = (peer.route or name).encode(*ENCODING)


def compile_sticky(group: Group, block: Block) -> None:
    """Let the turns of a group mind who is bound to whom."""
    setting = Setting(block.values["sticky in use"], frozenset(block.state.variables))
    inner = group.begin or group.turn
    for peer in (*group.peers, *group.backups):
        name_peer(peer)
    group.begin = lambda r: StickyTurn(setting, inner(r), r)
