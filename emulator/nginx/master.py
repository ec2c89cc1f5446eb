"""The master process: opens sockets, keeps workers alive, and turns signals into reload and shutdown
(ngx_process_cycle.c).

TERM and INT end the workers at once, QUIT lets them finish, HUP starts new ones on the new
configuration before the old ones finish, USR1 reopens the logs.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx import official
from emulator.nginx.conf import ConfError
from emulator.nginx.log import LEVELS, ErrorLog
from emulator.nginx.worker import Worker

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.compile import HttpConf
    from emulator.nginx.listener import Listener

_SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGCHLD,
)
_STARTING = "start worker processes"
_RESPAWN_DELAY = 0.5  # a worker that dies as soon as it starts is not started in a loop

Real = tuple[str, int]


class Sockets:
    """The listening sockets by their real address; those that a new configuration still names are kept."""

    def __init__(self) -> None:
        self._open: dict[Real | str, socket.socket] = {}

    def open(
        self, listeners: tuple[Listener, ...], namespace: Namespace
    ) -> list[tuple[socket.socket, Listener]]:
        """Bind what is new; raises ConfError in nginx's words, with nothing of the new ones left open."""
        wanted: dict[Real | str, Listener] = {}
        for listener in listeners:
            for real in listener.real_addresses(namespace):
                wanted.setdefault(real, listener)
        new: dict[Real | str, socket.socket] = {}
        try:
            for real, listener in wanted.items():
                if real not in self._open:
                    new[real] = _bind(real, listener)
        except ConfError:
            for sock in new.values():
                sock.close()
            raise
        self._open.update(new)
        return [(self._open[real], listener) for real, listener in wanted.items()]

    def keep_only(self, used: list[tuple[socket.socket, Listener]]) -> None:
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


def _bind(real: Real | str, listener: Listener) -> socket.socket:
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
        sock.listen(listener.backlog)
    except OSError as error:
        sock.close()
        raise ConfError(
            f"bind() to {shown} failed ({error.errno}: {os.strerror(error.errno or 0)})"
        ) from None
    sock.setblocking(False)
    return sock


class Master:
    """Runs one configuration's workers; `load` makes the next one for a reload."""

    def __init__(
        self,
        conf: HttpConf,
        namespace: Namespace,
        load: Callable[[], HttpConf],
        pid_path: str,
        on_ready: Callable[[], None],
    ) -> None:
        self._conf = conf
        self._namespace = namespace
        self._load = load
        self._pid_path = pid_path
        self._on_ready = on_ready
        self._sockets = Sockets()
        self._errors = ErrorLog(os.getpid())
        self._workers: dict[int, HttpConf] = {}
        self._started: dict[int, float] = {}
        self._pipes: dict[int, int] = {}
        self._bound: list[tuple[socket.socket, Listener]] = []
        self._ending = False

    def run(self) -> int:
        """Until all workers have ended; the exit code."""
        self._conf.shared.allocate()
        self._bound = self._sockets.open(self._conf.listeners, self._namespace)
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        method = "epoll" if hasattr(select, "epoll") else "kqueue"
        for line in (
            f'using the "{method}" event method',
            f"nginx/{official.VERSION}",
            "start worker processes",
        ):
            self._log("notice", line)
        self._write_pid()
        try:
            for _ in range(self._conf.worker_processes):
                self._start_worker()
            self._on_ready()
            self._serve()
        finally:
            self._sockets.close()
            self._remove_pid()
        self._log("notice", "exit")
        return 0

    def _serve(self) -> None:
        while self._workers or not self._ending:
            number = signal.sigwait(_SIGNALS)
            if number == signal.SIGCHLD:
                self._reap()
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._received(number, "exiting")
                self._end(signal.SIGTERM)
            elif number == signal.SIGQUIT:
                self._received(number, "shutting down")
                self._end(signal.SIGQUIT)
            elif number == signal.SIGHUP and not self._ending:
                self._reload()
            elif number == signal.SIGUSR1:
                self._received(number, "reopening logs")
                for log in self._conf.logs:
                    log.reopen()
                self._tell(self._workers, signal.SIGUSR1)

    def _received(self, number: int, doing: str) -> None:
        self._log("notice", f"signal {int(number)} ({signal.Signals(number).name}) received, {doing}")

    def _end(self, number: signal.Signals) -> None:
        self._ending = True
        self._sockets.close()
        self._tell(self._workers, number)

    @staticmethod
    def _tell(pids: dict[int, HttpConf], number: signal.Signals) -> None:
        for pid in list(pids):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _reload(self) -> None:
        """New workers first, then the old ones finish; a configuration that does not load changes nothing."""
        self._received(signal.SIGHUP, "reconfiguring")
        try:
            conf = self._load()
            conf.shared.allocate(self._conf.shared)
            bound = self._sockets.open(conf.listeners, self._namespace)
        except ConfError as error:
            self._report(error)
            return
        old = dict(self._workers)
        self._conf, self._bound = conf, bound
        for _ in range(conf.worker_processes):
            self._start_worker()
        self._sockets.keep_only(bound)
        self._tell(old, signal.SIGQUIT)

    def _report(self, error: ConfError) -> None:
        line = self._errors.line("emerg", str(error).removeprefix("[emerg] "))
        for _, log in self._conf.error_logs:
            log.write(line)
        if not self._conf.error_logs:
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()

    def _start_worker(self) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.close(writing)
                for pipe in self._pipes.values():
                    os.close(pipe)
                Worker(self._conf, self._namespace, self._bound).run(reading)
                code = 0
            finally:
                os._exit(code)
        os.close(reading)
        self._workers[pid] = self._conf
        self._started[pid] = time.monotonic()
        self._pipes[pid] = writing
        self._log("notice", f"start worker process {pid}")

    def _reap(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            conf = self._workers.pop(pid, None)
            if conf is None:
                continue
            os.close(self._pipes.pop(pid))
            lived = time.monotonic() - self._started.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            if code < 0:
                self._log("alert", f"worker process {pid} exited on signal {-code}")
            else:
                self._log("notice", f"worker process {pid} exited with code {code}")
            if conf is self._conf and not self._ending:
                if lived < _RESPAWN_DELAY:
                    time.sleep(_RESPAWN_DELAY)
                self._start_worker()

    def _log(self, level: str, message: str) -> None:
        line = self._errors.line(level, message)
        for threshold, log in self._conf.error_logs:
            if LEVELS[level] <= threshold:
                log.write(line)

    def _write_pid(self) -> None:
        if self._pid_path:
            with open(self._pid_path, "w", encoding="ascii") as file:  # noqa: PTH123
                file.write(f"{os.getpid()}\n")

    def _remove_pid(self) -> None:
        if self._pid_path:
            try:
                os.unlink(self._pid_path)  # noqa: PTH108
            except OSError:
                return
