"""Where a task's binds and connections really go, and the word to the engine that it listens.

    bind 0.0.0.0, ::, "", its own address     the task's real address, published to the others
    bind 127.0.0.1, localhost, ::1            a loopback of the task's own that nobody else dials
    connect 127.0.0.1                         the same loopback, then the real address, where a bind to
                                              0.0.0.0 is; 172.18.0.1 is the machine itself
    connect to an address of its networks     its projection, from the task's own address

A wildcard bind of port 0 stays: it collides with nobody, and a client so bound must reach the world.
In ports addressing (macOS) addresses are all 127.0.0.1 and the port is mapped instead.
"""

from __future__ import annotations

import errno
import os

from . import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    Address = Any

_WILDCARDS = ("", "0.0.0.0", "::", "0")
_LOOPBACKS = ("127.0.0.1", "localhost", "::1")
_HOST_GATEWAY = "172.18.0.1"
_IP_BIND_ADDRESS_NO_PORT = 24

_held: list[tuple[str, int]] | None = None
_place: Place | None = None


def hold() -> None:
    """From now on listening is not reported until `release`."""
    global _held
    _held = _held or []


def release() -> None:
    global _held
    waiting, _held = _held or [], []
    if _place is not None:
        for host, port in waiting:
            _place.report(host, port)


class Place:
    """This task on this machine, as its environment describes it."""

    def __init__(self, environment: Any, module: ModuleType) -> None:
        self.socket: Any = module
        self.task = environment["EMULATOR_TASK"]
        self.real = environment["EMULATOR_TASK_ADDRESS"]
        self.own = environment.get("EMULATOR_CONTAINER_ADDRESS", "")
        self.hostname = environment.get("EMULATOR_HOSTNAME", "")
        self.ready = environment.get("EMULATOR_READY")
        self.by_ports = self.real == "127.0.0.1"
        pairs = filter(None, environment.get("EMULATOR_PORTS", "").split(","))
        self.ports = {int(one): int(other) for one, other in (pair.split("=") for pair in pairs)}
        self.loopback_ports: dict[int, int] = {}
        self.names = names.Names(environment)
        first, second, rest = self.real.split(".", 2)
        self.private = self.real if self.by_ports else f"{first}.{int(second) ^ 128}.{rest}"

    def bind(self, sock: Any, address: Address) -> Address:
        if not _is_inet(self.socket, sock, address):
            return address
        host, port = _text(address[0]), address[1]
        if host in _WILDCARDS and (port or self.by_ports):
            return self._mapped(sock, self.real, self.ports.get(port, 0 if self.by_ports else port))
        if host in _LOOPBACKS:
            return self._mapped(sock, self.private, 0 if self.by_ports else port)
        if host in (self.own, self.hostname):
            return self._mapped(sock, self.real, self.ports.get(port, port))
        return address

    def bound(self, sock: Any, address: Address) -> None:
        """In ports addressing, remember where a loopback bind has landed: only we will dial it."""
        if self.by_ports and _is_inet(self.socket, sock, address) and _text(address[0]) in _LOOPBACKS:
            self.loopback_ports[address[1]] = sock.getsockname()[1]

    def connect(self, sock: Any, address: Address) -> Address:
        if not _is_inet(self.socket, sock, address):
            return address
        host, port = _text(address[0]), address[1]
        if host in _LOOPBACKS:
            if port in self.loopback_ports or (not self.by_ports and self._on_loopback(port)):
                return self._mapped(sock, self.private, self.loopback_ports.get(port, port))
            return self._mapped(sock, self.real, self.ports.get(port, port))
        if host == _HOST_GATEWAY:
            return self._mapped(sock, "127.0.0.1", port)
        real = self.names.real(host, port)
        if real is None:
            return address
        if sock.family == self.socket.AF_INET and not self.by_ports:
            self._come_from_here(sock)
        return self._mapped(sock, *real)

    def _on_loopback(self, port: int) -> bool:
        """Whether somebody listens on the task's own loopback; its port is then not to be had."""
        probe = self.socket._socket.socket(self.socket.AF_INET, self.socket.SOCK_STREAM)
        try:
            probe.setsockopt(self.socket.SOL_SOCKET, self.socket.SO_REUSEADDR, 1)
            probe.bind((self.private, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
        finally:
            probe.close()
        return False

    def report(self, host: str, port: int) -> None:
        """As emulator.ready, which a task's interpreter may not have."""
        if not self.ready:
            return
        import json

        message = json.dumps({"task": self.task, "listen": [host, port]}).encode()
        sender = self.socket.socket(self.socket.AF_UNIX, self.socket.SOCK_DGRAM)
        try:
            sender.setblocking(False)
            sender.sendto(message, self.ready)
        except OSError:
            pass
        finally:
            sender.close()

    def _mapped(self, sock: Any, host: str, port: int) -> Address:
        if sock.family == self.socket.AF_INET:
            return host, port
        if sock.getsockopt(self.socket.IPPROTO_IPV6, self.socket.IPV6_V6ONLY):
            return "::1", 0  # asyncio's second half of a wildcard: the first one has the port
        return f"::ffff:{host}", port

    def _come_from_here(self, sock: Any) -> None:
        if sock.getsockname()[1]:
            return
        try:
            sock.setsockopt(self.socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            self.socket._socket.socket.bind(sock, (self.real, 0))
        except OSError:
            return


def patch(module: Any) -> None:
    """Replace the methods and functions of a freshly imported socket module."""
    global _place
    place = _place = Place(os.environ, module)
    _patch_methods(module, place)
    names.patch(module, place.names, place)


def _patch_methods(module: Any, place: Place) -> None:
    native = module._socket.socket

    def bind(self: Any, address: Address) -> None:
        native.bind(self, _try(place.bind, self, address))
        place.bound(self, address)

    def connect(self: Any, address: Address) -> None:
        native.connect(self, _try(place.connect, self, address))

    def connect_ex(self: Any, address: Address) -> int:
        return int(native.connect_ex(self, _try(place.connect, self, address)))

    def listen(self: Any, *backlog: int) -> None:
        native.listen(self, *backlog)
        try:
            _listening(module, place, self)
        except Exception:
            return

    for method in (bind, connect, connect_ex, listen):
        method.__doc__ = getattr(native, method.__name__).__doc__
        setattr(module.socket, method.__name__, method)


def _listening(module: Any, place: Place, sock: Any) -> None:
    if sock.family not in (module.AF_INET, module.AF_INET6) or not _is_stream(module, sock):
        return
    host, port = sock.getsockname()[:2]
    host = host.removeprefix("::ffff:") if hasattr(host, "removeprefix") else host
    if _held is not None:
        _held.append((host, port))
    else:
        place.report(host, port)


def _try(change: Any, sock: Any, address: Address) -> Address:
    """An address that we cannot read is the program's own affair."""
    try:
        return change(sock, address)
    except Exception:
        return address


def _is_inet(module: Any, sock: Any, address: Address) -> bool:
    families = (module.AF_INET, module.AF_INET6)
    return sock.family in families and isinstance(address, tuple) and len(address) >= 2


def _is_stream(module: Any, sock: Any) -> bool:
    return bool(sock.type == module.SOCK_STREAM)


def _text(host: Any) -> str:
    return host if isinstance(host, str) else bytes(host).decode()
