"""`master_process off`: one worker in the process that was started (ngx_single_process_cycle).

Signals wait in a thread of their own, for only so they tell who sent them. TERM, INT and QUIT end
everything at once, as in nginx. HUP puts a new worker on the same loop; the one before finishes.
"""

from __future__ import annotations

import _thread
import os
import signal
from collections import deque

from emulator.nginx.event import Loop
from emulator.nginx.master import FATAL, NO_NEW_BINARY, SIGNALS, Master
from emulator.nginx.worker import BadStart, Worker

_LAST = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))


class SingleProcess(Master):
    """A master that is its only worker."""

    def run(self) -> int:
        self._loop = Loop(self._crashed)
        self._retired: list[Worker] = []
        self._waiting: deque[signal.struct_siginfo] = deque()
        try:
            return super().run()
        except BadStart as error:
            self._log("alert", str(error))
            return FATAL
        finally:
            self._flush()

    def _start_workers(self) -> None:
        self._worker = self._new_worker()
        self._worker.enter_folder()
        self._watch_signals()

    def _new_worker(self) -> Worker:
        own = [(sock.dup(), listener) for sock, listener in self._bound]
        worker = Worker(self._conf, self._namespace, own, loop=self._loop)
        worker.listen()
        return worker

    def _watch_signals(self) -> None:
        awake, wake = os.pipe()
        for fd in (awake, wake):
            os.set_blocking(fd, False)

        def wait() -> None:
            while True:
                self._waiting.append(signal.sigwaitinfo(SIGNALS))
                os.write(wake, b".")

        self._loop.add_listener(awake, lambda mask: self._signalled(awake))
        _thread.start_new_thread(wait, ())

    def _serve(self) -> None:
        """The loop stops whenever a worker has finished, or all is to end."""
        while not self._ending:
            counters = self._conf.shared.counters
            self._loop.run(counters.publisher(self._worker) if counters is not None else None)
            for done in [each for each in self._retired if not each.connections]:
                self._retired.remove(done)
                done.close()
        for worker in (*self._retired, self._worker):
            worker.close()

    def _signalled(self, awake: int) -> None:
        os.read(awake, 64)
        while self._waiting:
            found = self._waiting.popleft()
            number = signal.Signals(found.si_signo)
            self._received(number, found.si_pid)
            if number in _LAST:
                self._ending = True
                self._loop.stop()
            elif number == signal.SIGHUP:
                self._reload()
            elif number == signal.SIGUSR1:
                self._reopen()
            elif number == signal.SIGUSR2:
                self._log("crit", NO_NEW_BINARY)

    def _take_over(self) -> None:
        before, self._worker = self._worker, self._new_worker()
        self._worker.accepted = before.accepted
        self._retired.append(before)
        before.retire()

    def _crashed(self, callback: object, error: Exception) -> None:
        self._worker.crashed(callback, error)
