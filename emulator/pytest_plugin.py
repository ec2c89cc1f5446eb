"""The fixture `emulator`: config.toml running beside the tests, on addresses, a port and volumes of its own.

Nothing of the emulator is imported before a test asks for the fixture. Rules of the child process:
1. It says when it serves, by one line of JSON on a pipe; how it fails is shown with its own output.
2. It holds the other end of a pipe to this process and stops when that closes: `kill -9` of pytest included.
3. Its state is a folder of its own, its addresses and published ports are free ones, its volumes are
   copies: runs and workers of pytest-xdist side by side never meet, and the project's files stay as they are.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from emulator.client import Engine, Task

START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0


class NotRunning(Exception):
    """The emulator ended, or was silent before it was ready; the text holds its output."""


class Replica(NamedTuple):
    """One running task; `address` is where this machine reaches it, "127.168.100.3:8000"."""

    slot: int
    pid: int
    address: str


class Emulator:
    """A running emulator, seen from a test."""

    def __init__(
        self, process: subprocess.Popen[bytes], lifeline: int, ready: dict[str, Any], log: Path
    ) -> None:
        from emulator.client import Engine

        self._process, self._lifeline, self._log = process, lifeline, log
        self._told = 0
        self.engine: Engine = Engine(Path(ready["socket"]))
        self.urls: tuple[str, ...] = tuple(ready["urls"])

    @classmethod
    def start(cls, config: Path, folder: Path) -> Emulator:
        """Start a file's services with all state below `folder`, and wait until they serve."""
        log = folder / "emulator.log"
        ready_read, ready_write = os.pipe()
        life_read, life_write = os.pipe()
        argv = [
            sys.executable,
            "-m",
            "emulator",
            "up",
            "--file",
            str(config),
            "--state",
            str(folder / "state"),
        ]
        argv += ["--port", "0", "--fresh-addresses", "--private-volumes"]
        argv += ["--ready-fd", str(ready_write), "--lifeline-fd", str(life_read)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv,
                cwd=config.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(ready_write, life_read),
                start_new_session=True,
            )
        os.close(ready_write)
        os.close(life_read)
        try:
            line = _line(ready_read, START_TIMEOUT)
            if not line.endswith(b"\n"):
                raise NotRunning(f"the emulator {_fate(process)}; it wrote:\n\n{_text(log)}")
            return cls(process, life_write, json.loads(line), log)
        except BaseException:
            os.close(life_write)
            _end(process)
            raise
        finally:
            os.close(ready_read)

    @property
    def base_url(self) -> str:
        """The URL of the first published port, without a slash at its end."""
        if not self.urls:
            raise LookupError("no service publishes a port")
        return self.urls[0]

    @property
    def replicas(self) -> list[Replica]:
        """The running tasks of the service behind the proxy, by slot."""
        return [
            Replica(task.slot, task.pid, self.engine.place(task.container).address)
            for task in self._running(self.service)
        ]

    @property
    def service(self) -> str:
        """The service that slots are of: the first of the file that publishes no port."""
        return next(iter(self.engine.replicas()))

    def kill(self, slot: int, signal: int = signal.SIGKILL) -> None:
        """Send a signal to a replica; after SIGKILL it is dead, and known to be, when this returns."""
        self.engine.act(self._container(slot), "kill", signal=str(int(signal)))

    def pause(self, slot: int) -> None:
        """Freeze a replica: it keeps its connections and answers nothing."""
        self.engine.act(self._container(slot), "pause")

    def resume(self, slot: int) -> None:
        """Let a paused replica go on."""
        self.engine.act(self._container(slot), "unpause")

    def logs(self, slot: int) -> str:
        """What the replica has written so far, standard output and standard error as they came."""
        pieces = self.engine.logs(self._container(slot))
        return b"".join(piece for _, piece in pieces).decode(errors="replace")

    def wait_until_ready(self, timeout: float = 30.0) -> None:
        """Return when every replica of every service takes requests; TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with closing(self.engine.events(timeout)) as events:
            while not self._ready():
                if next(events, None) is None:
                    raise NotRunning("the emulator has ended")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not all replicas are ready after {timeout:g} s")

    def written(self) -> str:
        """What the emulator and all tasks have written since this was last asked."""
        with self._log.open("rb") as file:
            file.seek(self._told)
            text = file.read()
        self._told += len(text)
        return text.decode(errors="replace")

    def stop(self) -> None:
        """Stop everything; also what is left when the emulator itself does not answer any more."""
        _end(self._process)
        os.close(self._lifeline)

    def _ready(self) -> bool:
        """Whether as many tasks as are wanted are in the rotation."""
        from emulator.client import EngineError

        wanted = self.engine.replicas()
        found = dict.fromkeys(wanted, 0)
        for task in self._running(None):
            try:
                found[task.service] += self.engine.place(task.container).ready
            except EngineError as error:
                if error.status != 404:  # gone since it was listed
                    raise
        return found == wanted

    def _running(self, service: str | None) -> list[Task]:
        return [task for task in self.engine.tasks(service, running=True) if task.state == "running"]

    def _container(self, slot: int) -> str:
        service = self.service
        for task in self._running(service):
            if task.slot == slot:
                return task.container
        raise LookupError(f"{service} has no running replica {slot}")


def _line(descriptor: int, timeout: float) -> bytes:
    """A line from a pipe, without its end when the pipe ends or stays silent before."""
    found, deadline = b"", time.monotonic() + timeout
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while not found.endswith(b"\n"):
        readable = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        piece = os.read(descriptor, 65536) if readable else b""
        if not piece:
            break
        found += piece
    return found


def _text(log: Path) -> str:
    return log.read_text(errors="replace").strip()


def _fate(process: subprocess.Popen[bytes]) -> str:
    """What became of a process that has not said that it is ready."""
    try:
        return f"ended with exit code {process.wait(STOP_TIMEOUT / 4)}"
    except subprocess.TimeoutExpired:
        return f"is not ready after {START_TIMEOUT:.0f} s"


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM and its grace, then SIGKILL: the emulator's guardian then ends what is left."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("emulator", "gunicorn replicas behind nginx, emulated (swarm-emulator)")
    group.addoption("--emulator-config", metavar="PATH", help="the config.toml for the fixture `emulator`")
    parser.addini("emulator_config", "the config.toml for the fixture `emulator` [default: the nearest]")


def config_of(config: pytest.Config) -> Path:
    """The command line's file, else the ini file's, else the nearest from where pytest was started."""
    from emulator.settings import nearest

    here = config.invocation_params.dir
    if named := config.getoption("--emulator-config"):
        return here / str(named)
    if named := config.getini("emulator_config"):
        return (config.inipath.parent if config.inipath else config.rootpath) / str(named)
    found = nearest(here)
    return found if found.is_file() else nearest(config.rootpath)


@pytest.fixture(scope="session")
def emulator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """config.toml as it runs, for all tests of the session: `base_url`, `replicas`, `kill(slot)`, ..."""
    try:
        running = Emulator.start(config_of(request.config), tmp_path_factory.mktemp("emulator"))
    except NotRunning as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    try:
        yield running
    finally:
        running.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what the replicas and the proxy have written during it."""
    report = yield
    running = getattr(item, "funcargs", {}).get("emulator")
    if isinstance(running, Emulator) and report.when != "teardown":
        text = running.written()
        if report.when == "call" and report.failed:
            report.sections.append(("Captured emulator output", text))
    return report
