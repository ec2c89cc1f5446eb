"""The master process: opens sockets, keeps workers alive, and turns signals into reload and shutdown
(ngx_process_cycle.c).

TERM and INT end the workers at once, QUIT lets them finish, HUP starts new ones on the new
configuration before the old ones finish, USR1 reopens the logs.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from emulator.nginx import official
from emulator.nginx.conf import ConfError
from emulator.nginx.guard import summary
from emulator.nginx.log import LEVELS, ErrorLog
from emulator.nginx.sockets import Sockets
from emulator.nginx.worker import QUIT, REOPEN, TERMINATE, BadStart, Worker

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.compile import HttpConf
    from emulator.nginx.listener import Listener

    Load = Callable[[Callable[[ConfError], None]], HttpConf]

_ACTIONS = {
    signal.SIGTERM: ", exiting",
    signal.SIGINT: ", exiting",
    signal.SIGQUIT: ", shutting down",
    signal.SIGHUP: ", reconfiguring",
    signal.SIGUSR1: ", reopening logs",
    signal.SIGUSR2: ", ignoring",
    signal.SIGWINCH: "",
    signal.SIGALRM: "",
    signal.SIGIO: "",
    signal.SIGCHLD: "",
}
SIGNALS = tuple(_ACTIONS)
FATAL = 2  # the exit code of a worker that could not begin, and that another one would not help
_RESPAWN_DELAY = 0.5  # a worker that dies as soon as it starts is not started in a loop
_PATIENCE = 1.6  # seconds from TERM to KILL, as nginx's doubling delays add up


_METHOD = "epoll" if hasattr(select, "epoll") else "kqueue"
NO_NEW_BINARY = (
    "the changing binary signal is ignored: "
    "you should shutdown or terminate before either old or new binary's process"
)


class Master:
    """Runs one configuration's workers; `load` makes the next one for a reload."""

    def __init__(
        self,
        conf: HttpConf,
        namespace: Namespace,
        load: Load,
        real_pid_path: Callable[[HttpConf], str],
        on_ready: Callable[[], None],
    ) -> None:
        self._conf = conf
        self._namespace = namespace
        self._load = load
        self._real_pid_path = real_pid_path
        self._pid_path = real_pid_path(conf)
        self._on_ready = on_ready
        self._sockets = Sockets()
        self._errors = ErrorLog(os.getpid())
        self._workers: dict[int, HttpConf] = {}
        self._started: dict[int, float] = {}
        self._pipes: dict[int, int] = {}
        self._bound: list[tuple[socket.socket, Listener]] = []
        self._ending = False
        self._kill_at: float | None = None

    def run(self) -> int:
        """Until all workers have ended; the exit code."""
        self._conf.shared.allocate()
        try:
            self._bound = self._sockets.open(self._conf.listeners, self._namespace, self._complain)
        except ConfError as error:
            self._report(error)
            raise
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self._introduce()
        self._write_pid()
        try:
            self._start_workers()
            self._on_ready()
            self._serve()
        finally:
            self._sockets.close()
            self._remove_pid()
        self._log("notice", "exit")
        return 0

    def _introduce(self) -> None:
        system = os.uname()
        limits = ":".join(str(each) for each in resource.getrlimit(resource.RLIMIT_NOFILE))
        for line in (
            f'using the "{_METHOD}" event method',
            f"nginx/{official.VERSION}",
            f"OS: {system.sysname} {system.release}",
            f"getrlimit(RLIMIT_NOFILE): {limits}",
        ):
            self._log("notice", line)

    def _start_workers(self) -> None:
        self._log("notice", "start worker processes")
        for _ in range(self._conf.worker_processes):
            self._start_worker()

    def _serve(self) -> None:
        while self._workers or not self._ending:
            found = self._next_signal()
            if found is None:
                self._tell(self._workers, TERMINATE)
                self._kill()
                continue
            number = signal.Signals(found.si_signo)
            self._received(number, found.si_pid)
            if number == signal.SIGCHLD:
                self._reap()
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._kill_at = self._kill_at or time.monotonic() + _PATIENCE
                self._end(TERMINATE)
            elif number == signal.SIGQUIT:
                self._end(QUIT)
            elif number == signal.SIGHUP and not self._ending:
                self._reload()
            elif number == signal.SIGUSR1:
                self._reopen()
            elif number == signal.SIGUSR2:
                self._log("crit", NO_NEW_BINARY)

    def _next_signal(self) -> signal.struct_siginfo | None:
        """None when those that were told to end have had time enough."""
        if self._kill_at is None:
            return signal.sigwaitinfo(SIGNALS)
        return signal.sigtimedwait(SIGNALS, max(0.0, self._kill_at - time.monotonic()))

    def _received(self, number: signal.Signals, sender: int) -> None:
        origin = f" from {sender}" if sender else ""
        self._log("notice", f"signal {int(number)} ({number.name}) received{origin}{_ACTIONS[number]}")

    def _reopen(self) -> None:
        self._log("notice", "reopening logs")
        for log in self._conf.logs:
            log.reopen()
        self._tell(self._workers, REOPEN)

    def _end(self, command: bytes) -> None:
        self._ending = True
        self._sockets.close()
        self._tell(self._workers, command)

    def _kill(self) -> None:
        self._kill_at = time.monotonic() + _PATIENCE
        for pid in self._workers:
            os.kill(pid, signal.SIGKILL)

    def _tell(self, pids: Iterable[int], command: bytes) -> None:
        for pid in pids:
            try:
                os.write(self._pipes[pid], command)
            except OSError:
                continue

    def _reload(self) -> None:
        """New workers first, then the old ones finish; a configuration that does not load changes nothing."""
        self._log("notice", "reconfiguring")
        new: HttpConf | None = None
        try:
            new = self._load(self._report)
            new.shared.allocate(self._conf.shared)
            complain = partial(self._log_to, new)
            bound = self._sockets.open(new.listeners, self._namespace, complain)
        except ConfError as error:
            self._report(error, new)
            gc.collect()
            return
        except Exception as error:
            self._log("alert", f"reconfiguring failed: {summary(error)}")
            return
        self._conf, self._bound = new, bound
        self._log("notice", f'using the "{_METHOD}" event method')
        self._move_pid(new)
        self._sockets.keep_only(bound)
        self._take_over()

    def _take_over(self) -> None:
        old = list(self._workers)
        self._start_workers()
        self._tell(old, QUIT)

    def _report(self, error: ConfError, conf: HttpConf | None = None) -> None:
        level, _, text = str(error).removeprefix("[").partition("] ")
        self._log_to(conf or self._conf, level, text)

    def _complain(self, level: str, message: str) -> None:
        """A line before there are workers: whoever started us is to see it, too."""
        self._log(level, message)
        if LEVELS[level] < LEVELS["notice"]:
            print(f"nginx: [{level}] {message}", file=sys.stderr, flush=True)

    def _start_worker(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        try:
            pid = os.fork()
        except OSError as error:
            os.close(reading)
            os.close(writing)
            self._log(
                "alert",
                f'fork() failed while spawning "worker process" ({error.errno}: {error.strerror})',
            )
            return
        if pid == 0:
            self._become_worker(reading, writing)
        os.close(reading)
        self._workers[pid] = self._conf
        self._started[pid] = time.monotonic()
        self._pipes[pid] = writing
        self._log("notice", f"start worker process {pid}")

    def _become_worker(self, reading: int, writing: int) -> NoReturn:
        code = FATAL
        self._errors = ErrorLog(os.getpid())
        try:
            os.close(writing)
            for pipe in self._pipes.values():
                os.close(pipe)
            worker = Worker(self._conf, self._namespace, self._bound)
            worker.begin(reading)
            code = 1
            worker.run()
            code = 0
        except BadStart as error:
            self._log("alert", str(error))
        except BaseException as error:
            self._log("alert", f"worker process failed: {summary(error)}")
        finally:
            self._flush()
            os._exit(code)

    def _flush(self) -> None:
        for log in self._conf.logs:
            with contextlib.suppress(OSError):
                log.flush()

    def _reap(self) -> None:
        self._collect()
        gc.collect()  # a configuration that nobody runs any more has its logs open

    def _collect(self) -> None:
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
            self._tell_of_end(pid, code, conf is self._conf)
            if conf is self._conf and not self._ending and code != FATAL:
                if lived < _RESPAWN_DELAY and code > 0:
                    time.sleep(_RESPAWN_DELAY)
                self._start_worker()

    def _tell_of_end(self, pid: int, code: int, current: bool) -> None:
        """As ngx_process_get_status."""
        if code < 0:
            self._log("alert", f"worker process {pid} exited on signal {-code}")
            return
        self._log("notice", f"worker process {pid} exited with code {code}")
        if code == FATAL and current:
            self._log("alert", f"worker process {pid} exited with fatal code {code} and cannot be respawned")

    def _log(self, level: str, message: str) -> None:
        self._log_to(self._conf, level, message)

    def _log_to(self, conf: HttpConf, level: str, message: str) -> None:
        line = self._errors.line(level, message)
        for threshold, log in conf.error_logs:
            if LEVELS[level] <= threshold:
                log.write(line)

    def _move_pid(self, conf: HttpConf) -> None:
        path = self._real_pid_path(conf)
        if path != self._pid_path:
            self._remove_pid()
            self._pid_path = path
            self._write_pid()

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
