"""One worker process: accepts, serves, quits when told (ngx_process_cycle.c, ngx_event_accept.c)."""

from __future__ import annotations

import errno
import os
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from emulator.nginx import guard
from emulator.nginx.connection import Connection
from emulator.nginx.event import Loop
from emulator.nginx.keepalive import IdlePool
from emulator.nginx.log import LEVELS, ErrorLog
from emulator.nginx.output import HeadPrefix
from emulator.nginx.slots import Slots

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.compile import HttpConf
    from emulator.nginx.listener import Listener
    from emulator.nginx.proxyprotocol import Proxied
    from emulator.nginx.request import Request
    from emulator.nginx.resolver import Resolver

_ACCEPTS_PER_TURN = 64
_PAUSE_WITHOUT_DESCRIPTORS = 0.5
_NO_DESCRIPTORS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

# what a master says to a worker
TERMINATE, QUIT, REOPEN = b"T", b"Q", b"R"
_ACTIONS = {
    signal.SIGTERM: (", exiting", TERMINATE),
    signal.SIGINT: (", exiting", TERMINATE),
    signal.SIGQUIT: (", shutting down", QUIT),
    signal.SIGUSR1: (", reopening logs", REOPEN),
    signal.SIGHUP: (", ignoring", None),
    signal.SIGUSR2: (", ignoring", None),
    signal.SIGWINCH: ("", None),
}


class BadStart(Exception):
    """Why a worker cannot begin, in nginx's words."""


class Worker:
    """What the connections of one process share."""

    def __init__(
        self,
        conf: HttpConf,
        namespace: Namespace,
        sockets: list[tuple[socket.socket, Listener]],
        clock: Callable[[], float] = time.monotonic,
        loop: Loop | None = None,
    ) -> None:
        self.conf = conf
        self.namespace = namespace
        self.loop: Loop = loop or Loop(self.crashed, clock)
        self.prefix = HeadPrefix()
        self.heads: dict[tuple[object, ...], bytes] = {}  # fields of answers, as they were sent before
        self.errors = ErrorLog(os.getpid())
        self.idle = IdlePool(self.loop)
        self.hostname: bytes = namespace.hostname.encode()
        self.pid: bytes = b"%d" % os.getpid()
        self.requests = 0
        self.quitting = False
        self.connections: set[Connection] = set()
        self.proxied: dict[Connection, Proxied] = {}  # what the PROXY protocol says of some of them
        self.slots = Slots(self, conf.worker_connections)
        self._sockets = sockets
        self.accepted = 0
        self._second = -1
        self._time_local = b""
        self._iso8601 = (-1, b"")
        self._addresses: dict[str, str] = {}
        self.resolvers: dict[int, Resolver] = {}
        for log in conf.logs:
            log.attach(self.loop)
        for names in conf.names:
            names.attach(self)

    def begin(self, master: int) -> None:
        """Listen to clients, signals and `master`, whose end is the worker's; raises BadStart."""
        self.enter_folder()
        self._take_signals()
        self.loop.add_listener(master, lambda mask: self._told(os.read(master, 64)))
        self.listen()

    def enter_folder(self) -> None:
        """As ngx_worker_process_init does with `working_directory`."""
        if (folder := self.conf.working_directory) is None:
            return
        try:
            os.chdir(self.namespace.path(folder))
        except OSError as error:
            number = error.errno or 0
            raise BadStart(f'chdir("{folder}") failed ({number}: {os.strerror(number)})') from None

    def run(self) -> None:
        """Serve until somebody says otherwise."""
        counters = self.conf.shared.counters
        self.loop.run(counters.publisher(self) if counters is not None else None)
        self.log_global("notice", "exiting")
        self.log_global("notice", "exit")
        self.close()

    def listen(self) -> None:
        for sock, listener in self._sockets:
            self.loop.add_listener(sock.fileno(), lambda mask, s=sock, at=listener: self._accept(s, at))  # type: ignore[misc]

    def _told(self, commands: bytes) -> None:
        """What the master says; its silence is the end."""
        if not commands or TERMINATE in commands:
            self.loop.stop()
        if QUIT in commands:
            self.quit()
        if REOPEN in commands:
            self._reopen()

    def _reopen(self) -> None:
        self.log_global("notice", "reopening logs")
        for log in self.conf.logs:
            log.reopen()

    # signals

    def _take_signals(self) -> None:
        awake, wake = os.pipe()
        for fd in (awake, wake):
            os.set_blocking(fd, False)
        self.loop.add_listener(awake, lambda mask: self._signalled(os.read(awake, 64)))
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in _ACTIONS:
            signal.signal(number, lambda number, frame: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _signalled(self, numbers: bytes) -> None:
        """A signal that somebody else than the master has sent."""
        for number in numbers:
            action, command = _ACTIONS.get(signal.Signals(number), ("", None))
            self.log_global("notice", f"signal {number} ({signal.Signals(number).name}) received{action}")
            if command:
                self._told(command)

    def quit(self) -> None:
        """Stop accepting, let requests in flight finish, then end."""
        if self.quitting:
            return
        self.log_global("notice", "gracefully shutting down")
        self.retire()

    def retire(self) -> None:
        """Only what is in flight is still served; the loop stops when nothing is."""
        self.quitting = True
        if self.conf.worker_shutdown_timeout:
            self.loop.call_later(self.conf.worker_shutdown_timeout, self._shut_down)
        for sock, _ in self._sockets:
            self.loop.remove(sock.fileno())
            sock.close()
        self._sockets = []
        for connection in list(self.connections):
            if connection.idle:
                self._let_go(connection)
        self.idle.close()
        if not self.connections:
            self.loop.stop()

    def _let_go(self, connection: Connection) -> None:
        if (left := connection.kept_until - self.loop.now) > 0:
            connection.deadline.set(left, connection.close)
        else:
            connection.close()

    def _shut_down(self) -> None:
        """worker_shutdown_timeout is over: nobody is waited for any longer."""
        for connection in list(self.connections):
            if connection.request is not None:
                connection.abort(connection.request)
            connection.close()

    def close(self) -> None:
        for connection in list(self.connections):
            connection.close()
        self.idle.close()
        for resolver in self.resolvers.values():
            resolver.close()
        for log in self.conf.logs:
            log.flush()

    # connections

    def _accept(self, sock: socket.socket, listener: Listener) -> None:
        for _ in range(_ACCEPTS_PER_TURN if self.loop.watched < self.slots.near else 1):
            try:
                client, peer = sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._accept_failed(error)
                return
            if self.loop.watched >= self.slots.near and not self.slots.make_room():
                client.close()
                continue
            client.setblocking(False)
            if sock.family != socket.AF_UNIX:
                # a response is written in whole pieces: waiting to fill packets only adds latency
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            at = listener
            if listener.specifics:
                at = listener.specifics.get(client.getsockname()[0], listener)
            if at.proxied:
                self._greet(client, peer, at)
            elif at.tls:
                self.connections.add(self._secure(client, peer, at))
            else:
                self.connections.add(Connection(self, client, peer, at))

    def _secure(self, client: socket.socket, peer: tuple[str, int] | str, listener: Listener) -> Connection:
        from emulator.nginx.tlsconnection import TlsConnection

        return TlsConnection(self, client, peer, listener)

    def _greet(self, client: socket.socket, peer: tuple[str, int] | str, listener: Listener) -> None:
        """The real connection begins when a proxy has said whose it is."""
        from emulator.nginx.greeting import Greeting

        def begin(number: int, proxied: Proxied | None) -> None:
            make = self._secure if listener.tls else partial(Connection, self)
            self.accepted -= 1
            connection = make(client, peer, listener)
            connection.number = number
            self.connections.add(connection)
            if proxied is not None:
                self.proxied[connection] = proxied

        self.connections.add(Greeting(self, client, peer, listener, begin))  # type: ignore[arg-type]

    def _accept_failed(self, error: OSError) -> None:
        self.log_global("crit", f"accept4() failed ({error.errno}: {error.strerror})")
        if error.errno in _NO_DESCRIPTORS:
            for sock, _ in self._sockets:
                self.loop.remove(sock.fileno())
            self.loop.call_later(_PAUSE_WITHOUT_DESCRIPTORS, self._accept_again)

    def _accept_again(self) -> None:
        if not self.quitting:
            self.listen()

    def log_global(self, level: str, message: str) -> None:
        """A line about no connection, in the main error logs."""
        line = self.errors.line(level, message)
        for threshold, log in self.conf.error_logs:
            if LEVELS[level] <= threshold:
                log.write(line)

    def crashed(self, callback: object, error: Exception) -> None:
        guard.crashed(self, callback, error)

    def forget(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if self.proxied:
            self.proxied.pop(connection, None)
        if connection.request is not None:
            connection.request.clean_up()
        if self.quitting and not self.connections:
            self.loop.stop()

    def client_of(self, peer: tuple[str, int] | str) -> tuple[str, int]:
        """The client's address as the container sees it; `unix:` for a unix socket's."""
        if not isinstance(peer, tuple):
            return "unix:", 0
        return self.namespace.client(peer[0]), peer[1]

    def next_number(self) -> int:
        self.accepted += 1
        return self.accepted

    # logs

    def log(self, r: Request) -> None:
        for write in r.location.access_logs:
            write(r)
        if r.cleanups is not None:
            r.clean_up()

    def realpath(self, path: bytes) -> bytes | None:
        """A folder of the container without symbolic links; None where there is no such folder."""
        real = self.namespace.path(os.fsdecode(path))
        try:
            found = os.path.realpath(real, strict=True)
        except OSError:
            return None
        return path if found == real else os.fsencode(found)

    @staticmethod
    def draw() -> int:
        """A number by chance."""
        return int.from_bytes(os.urandom(4), "little")

    @staticmethod
    def time() -> int:
        """Seconds since the epoch."""
        return int(time.time())

    @staticmethod
    def midnight() -> int:
        """When this day began here, in seconds since the epoch."""
        return int(time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1)))

    def time_local(self) -> bytes:
        """The time as the access log writes it, made once a second."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._time_local = time.strftime("%d/%b/%Y:%H:%M:%S %z", time.localtime(now)).encode("ascii")
        return self._time_local

    def time_iso8601(self) -> bytes:
        """The same as ISO 8601 has it."""
        now = int(time.time())
        if now != self._iso8601[0]:
            text = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(now))
            self._iso8601 = now, f"{text[:-2]}:{text[-2:]}".encode("ascii")
        return self._iso8601[1]
