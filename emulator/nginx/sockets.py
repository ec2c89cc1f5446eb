"""The listening sockets of a master, kept over reloads (ngx_connection.c)."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.conf import ConfError

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.listener import Listener

_TRIES, _PAUSE = 5, 0.5

Real = tuple[str, int]
Log = Callable[[str, str], None]  # level, message
Bound = list[tuple[socket.socket, "Listener"]]


class BindError(Exception):
    """One bind() that failed; the text is nginx's."""

    def __init__(self, shown: str, error: OSError) -> None:
        code = error.errno or 0
        super().__init__(f"bind() to {shown} failed ({code}: {os.strerror(code)})")
        self.in_use = code == errno.EADDRINUSE


class Sockets:
    """The listening sockets by their real address; those that a new configuration still names are kept."""

    def __init__(self) -> None:
        self._open: dict[Real | str, socket.socket] = {}

    def open(self, listeners: tuple[Listener, ...], namespace: Namespace, log: Log) -> Bound:
        """Bind what is new; raises ConfError as nginx gives up, with nothing of the new ones left open."""
        wanted: dict[Real | str, Listener] = {}
        for listener in listeners:
            for real in listener.real_addresses(namespace):
                wanted.setdefault(real, listener)
        new: dict[Real | str, socket.socket] = {}
        try:
            _bind_all({real: at for real, at in wanted.items() if real not in self._open}, new, log)
        except ConfError:
            for sock in new.values():
                sock.close()
            raise
        for real, listener in wanted.items():
            if real in self._open:
                self._open[real].listen(listener.backlog)
        self._open.update(new)
        return [(self._open[real], listener) for real, listener in wanted.items()]

    def keep_only(self, used: Bound) -> None:
        """Close what the running configuration no longer names."""
        kept = {id(sock) for sock, _ in used}
        for real, sock in list(self._open.items()):
            if id(sock) not in kept:
                self._close(real)

    def close(self) -> None:
        for real in list(self._open):
            self._close(real)

    def _close(self, real: Real | str) -> None:
        self._open.pop(real).close()
        if isinstance(real, str):
            try:
                os.unlink(real)  # noqa: PTH108
            except OSError:
                return


def _bind_all(wanted: dict[Real | str, Listener], new: dict[Real | str, socket.socket], log: Log) -> None:
    """As ngx_open_listening_sockets: an address that is in use may become free, all else is final."""
    for turn in range(_TRIES):
        if turn:
            time.sleep(_PAUSE)
        failed = False
        for real, listener in wanted.items():
            if real in new:
                continue
            try:
                new[real] = bind(real, listener.backlog)
            except BindError as error:
                if not error.in_use:
                    raise ConfError(str(error)) from None
                log("emerg", str(error))
                failed = True
        if not failed:
            return
        log("notice", f"try again to bind() after {_PAUSE * 1000:.0f}ms")
    raise ConfError("still could not bind()")


def bind(real: Real | str, backlog: int) -> socket.socket:
    """A listening socket; raises BindError."""
    if isinstance(real, str):
        family, shown = socket.AF_UNIX, f"unix:{real}"
    elif ":" in real[0]:
        family, shown = socket.AF_INET6, f"[{real[0]}]:{real[1]}"
    else:
        family, shown = socket.AF_INET, f"{real[0]}:{real[1]}"
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(real)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise BindError(shown, error) from None
    sock.setblocking(False)
    return sock


def try_to_bind(listeners: tuple[Listener, ...], namespace: Namespace) -> None:
    """As `nginx -t` does: an address in use is no mistake of the configuration; others raise ConfError."""
    for listener in listeners:
        for real in listener.real_addresses(namespace):
            try:
                bind(real, listener.backlog).close()
            except BindError as error:
                if not error.in_use:
                    raise ConfError(str(error)) from None
            else:
                if isinstance(real, str):
                    os.unlink(real)  # noqa: PTH108
