"""The life of a master and its workers, ours beside the real nginx: reloads, crashes, ends, and the log."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import need_tool
from tests.oracle.drained import wait_until_read

from .running import OURS, Running, read_all

Start = Callable[..., Running]

_HTTP = "server { listen 127.0.0.1:{port}; location / { return 200 %s; } }"
_PROXY = "server { listen 127.0.0.1:{port}; location / { proxy_pass http://127.0.0.1:%d; } }"
_SOUND = _HTTP % "one"


def command(name: str) -> tuple[str, ...]:
    return OURS if name == "ours" else (need_tool("nginx"),)


@pytest.fixture(params=["nginx", "ours"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """`start(http)` runs one of the two servers."""
    running: list[Running] = []

    def begin(http: str = _SOUND, **settings: object) -> Running:
        running.append(Running(command(request.param), tmp_path / request.param, http, **settings))
        return running[-1]

    yield begin
    for each in running:
        each.stop()


@pytest.fixture
def upstream() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(15)
        yield sock


def _reopened(server: Running) -> bool:
    return server.count(": reopening logs") >= 3


def test_an_orderly_life_has_the_same_lines_and_no_alert(tmp_path: Path) -> None:
    told = []
    for name in ("nginx", "ours"):
        server = Running(command(name), tmp_path / name, _SOUND)
        try:
            for _ in range(200):
                assert server.get().endswith(b"one")
            server.configure(_HTTP % "two")
            server.reload()
            assert server.get().endswith(b"two")
            server.signal(signal.SIGUSR1)
            server.until(
                lambda server=server: server.count("] reopening logs") + server.count(": reopening logs") >= 3
            )
            server.signal(signal.SIGQUIT)
            assert server.wait() == 0
            told.append(server.lines)
        finally:
            server.stop()
    theirs, ours = told
    assert not [line for line in ours if not line.startswith("[notice]")]
    # who is faster, and how many ends one signal stands for, differs from run to run
    assert set(ours) == set(theirs)
    for line in set(ours):
        if "SIGCHLD" not in line:
            assert ours.count(line) == theirs.count(line), line


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_crashes_is_replaced(start: Start, number: signal.Signals) -> None:
    server = start()
    victim = server.workers()[0]
    os.kill(victim, number)
    server.until(lambda: server.count("start worker process ") == 3)
    assert f": worker process {victim} exited on signal {int(number)}\n" in server.log
    assert f"[alert] P: worker process N exited on signal {int(number)}" in server.lines
    server.until(lambda: len(server.workers()) == 2)
    assert server.get().endswith(b"one")


def test_a_worker_that_cannot_begin_says_why_and_is_not_started_again(start: Start) -> None:
    server = start(main="working_directory /nonexistent/x;")
    server.until(lambda: server.count("cannot be respawned") == 2)
    lines = server.lines
    assert lines.count('[alert] P: chdir("/nonexistent/x") failed (2: No such file or directory)') == 2
    assert lines.count("[notice] P: worker process N exited with code 2") == 2
    assert lines.count("[alert] P: worker process N exited with fatal code 2 and cannot be respawned") == 2
    server.configure(_HTTP % "two", main=f"working_directory {server.folder}/logs;")
    server.signal(signal.SIGHUP)
    server.until(lambda: server.count(": start worker process ") == 4)
    assert server.get().endswith(b"two")
    assert {Path(f"/proc/{pid}/cwd").resolve() for pid in server.workers()} == {server.folder / "logs"}
    server.signal(signal.SIGQUIT)
    assert server.wait() == 0


def test_a_bad_configuration_leaves_the_old_one_serving(start: Start) -> None:
    server = start()
    before = server.workers()
    server.configure("bogus;")
    server.signal(signal.SIGHUP)
    server.until(lambda: server.count("[emerg] ") == 1)
    assert f'[emerg] P: unknown directive "bogus" in {server.folder}/nginx.conf:11' in server.lines
    assert server.get().endswith(b"one")
    assert server.workers() == before
    server.configure(_HTTP % "two")
    server.reload()
    assert server.get().endswith(b"two")


def test_an_address_in_use_leaves_the_old_one_serving(start: Start) -> None:
    server = start()
    with socket.create_server(("127.0.0.1", server.port2)):
        server.configure((_HTTP % "two").replace("location", "listen 127.0.0.1:{port2}; location"))
        server.signal(signal.SIGHUP)
        server.until(lambda: server.count("[emerg] ") == 6)
        assert server.count(f": bind() to 127.0.0.1:{server.port2} failed (98: ") == 5
        assert server.lines.count("[notice] P: try again to bind() after 500ms") == 5
        assert server.lines[-1] == "[emerg] P: still could not bind()"
        assert server.get().endswith(b"one")
    server.reload()
    assert server.get().endswith(b"two")


def test_another_failure_of_a_reload_leaves_the_old_one_serving(start: Start) -> None:
    server = start()
    server.configure(_SOUND, main="error_log /nonexistent/x.log;")
    server.signal(signal.SIGHUP)
    server.until(lambda: server.count("[emerg]") == 1)
    assert 'open() "/nonexistent/x.log" failed (2: No such file or directory)' in server.log
    assert server.get().endswith(b"one")


def test_reloads_lose_no_connection_under_load(start: Start) -> None:
    server = start()
    stop, failed, done = threading.Event(), [], []

    def load() -> None:
        while not stop.is_set():
            try:
                answer = server.get()
            except OSError as error:
                answer = repr(error).encode()
            (done if answer.endswith((b"one", b"two")) else failed).append(answer)

    clients = [threading.Thread(target=load) for _ in range(3)]
    for client in clients:
        client.start()
    for text in ("two", "one", "two"):
        server.configure(_HTTP % text)
        server.reload()
    stop.set()
    for client in clients:
        client.join()
    assert not failed
    assert len(done) > 20


def test_reloads_leave_no_descriptor_open(start: Start) -> None:
    server = start()
    server.reload()
    folder = f"/proc/{server.process.pid}/fd"
    before = len(os.listdir(folder))  # noqa: PTH208
    for _ in range(3):
        server.configure("bogus;")
        failed = server.count("[emerg]")
        server.signal(signal.SIGHUP)
        server.until(lambda: server.count("[emerg]") > failed)  # noqa: B023
        server.configure(_SOUND)
        server.reload()
    # the pipe of an old worker closes when its end is noticed
    server.until(lambda: len(os.listdir(folder)) == before)  # noqa: PTH208


def test_quit_finishes_what_is_in_flight_and_term_does_not(start: Start, upstream: socket.socket) -> None:
    server = start(_PROXY % upstream.getsockname()[1])
    with server.connect(b"GET / HTTP/1.0\r\n\r\n") as client:
        peer, _ = upstream.accept()
        peer.recv(4096)
        server.signal(signal.SIGQUIT)
        server.until(lambda: server.count("gracefully shutting down") == 2)
        peer.sendall(b"HTTP/1.0 200 OK\r\n\r\nlate")
        peer.close()
        assert read_all(client).endswith(b"late")
    assert server.wait() == 0


def test_term_ends_what_is_in_flight(start: Start, upstream: socket.socket) -> None:
    server = start(_PROXY % upstream.getsockname()[1])
    with server.connect(b"GET / HTTP/1.0\r\n\r\n") as client:
        peer, _ = upstream.accept()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        peer.close()
        with contextlib.suppress(ConnectionResetError):
            assert read_all(client) == b""


def test_worker_shutdown_timeout_ends_a_long_wait(start: Start, upstream: socket.socket) -> None:
    server = start(_PROXY % upstream.getsockname()[1], main="worker_shutdown_timeout 100ms;")
    with server.connect(b"GET / HTTP/1.0\r\n\r\n") as client:
        peer, _ = upstream.accept()
        server.signal(signal.SIGQUIT)
        assert server.wait() == 0
        peer.close()
        with contextlib.suppress(ConnectionResetError):
            assert read_all(client) == b""


def test_logs_are_opened_again_after_a_rotation(start: Start) -> None:
    http = _SOUND.replace("location", "access_log logs/access.log; location", 1)
    server = start(http)
    server.get("/before")
    access = server.folder / "logs/access.log"
    access.rename(access.with_suffix(".1"))
    server.signal(signal.SIGUSR1)
    server.until(lambda: server.count("reopening logs") >= 4)
    server.get("/after")
    server.until(lambda: access.exists() and "/after" in access.read_text())
    assert "/after" not in access.with_suffix(".1").read_text()
    assert "/before" in access.with_suffix(".1").read_text()


def test_a_reload_may_move_the_pid_file_and_the_address(start: Start) -> None:
    server = start()
    server.configure("server { listen 127.0.0.1:{port2}; location / { return 200 two; } }")
    text = (server.folder / "nginx.conf").read_text()
    (server.folder / "nginx.conf").write_text(text.replace("pid nginx.pid", "pid other.pid"))
    server.reload()
    assert not (server.folder / "nginx.pid").exists()
    assert (server.folder / "other.pid").read_text() == f"{server.process.pid}\n"
    with pytest.raises(ConnectionRefusedError):
        server.get()
    server.port = server.port2
    assert server.get().endswith(b"two")


@pytest.mark.parametrize("verb", ["stop", "quit"])
def test_verbs_are_signals(start: Start, verb: str) -> None:
    server = start()
    assert server.call("-s", "reload") == 0
    server.until(lambda: server.count("exited with code 0") == 2)
    assert server.call("-s", "reopen") == 0
    server.until(lambda: server.count("reopening logs") == 4)
    assert server.call("-s", verb) == 0
    assert server.wait() == 0
    assert not (server.folder / "nginx.pid").exists()


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGWINCH, signal.SIGIO, signal.SIGALRM])
def test_other_signals_are_named_and_change_nothing(start: Start, number: signal.Signals) -> None:
    server = start()
    server.signal(number)
    action = ", ignoring" if number == signal.SIGUSR2 else ""
    line = f"signal {int(number)} ({number.name}) received from {os.getpid()}{action}\n"
    server.until(lambda: line in server.log)
    if number == signal.SIGUSR2:
        server.until(lambda: "[crit]" in server.log)
        assert server.lines[-1] == (
            "[crit] P: the changing binary signal is ignored: "
            "you should shutdown or terminate before either old or new binary's process"
        )
    assert server.get().endswith(b"one")


def test_one_connection_too_many_is_closed(start: Start) -> None:
    server = start(connections=8)
    held = []
    for _ in range(16):
        held.append(server.connect(b"GET / HT"))
        if not server.count("[alert]"):
            wait_until_read(held[-1].getsockname(), held[-1].getpeername(), time.monotonic() + 5)
    server.until(lambda: server.count("[alert]"))
    assert "[alert] P: 8 worker_connections are not enough" in server.lines
    for sock in held:
        sock.close()


def test_waiting_connections_make_room(start: Start) -> None:
    server = start(connections=8)
    held = [server.connect() for _ in range(30)]
    server.until(lambda: "[warn] P: 8 worker_connections are not enough, reusing connections" in server.lines)
    assert server.get().endswith(b"one")
    assert not server.count("[alert]")
    for sock in held:
        sock.close()


def test_without_a_master_the_process_itself_serves(start: Start, upstream: socket.socket) -> None:
    http = _SOUND.replace("location", "location /slow { proxy_pass http://127.0.0.1:%d; } location", 1)
    server = start(http % upstream.getsockname()[1], main="master_process off;")
    assert server.get().endswith(b"one")
    assert not server.workers()
    assert (server.folder / "nginx.pid").read_text() == f"{server.process.pid}\n"
    server.signal(signal.SIGUSR1)
    server.until(lambda: server.count("] reopening logs") + server.count(": reopening logs") >= 1)
    client = server.connect(b"GET /slow HTTP/1.0\r\n\r\n")
    peer, _ = upstream.accept()
    server.signal(signal.SIGQUIT)
    assert server.wait() == 0
    assert server.lines[-4:] == [
        "[notice] P: signal 10 (SIGUSR1) received from N, reopening logs",
        "[notice] P: reopening logs",
        "[notice] P: signal 3 (SIGQUIT) received from N, shutting down",
        "[notice] P: exit",
    ]
    assert not (server.folder / "nginx.pid").exists()
    with client, peer, contextlib.suppress(ConnectionResetError):
        assert read_all(client) == b""


def test_without_a_master_a_reload_keeps_who_is_being_served(tmp_path: Path, upstream: socket.socket) -> None:
    """Not beside the real nginx, which answers with garbage after such a reload."""
    server = Running(OURS, tmp_path / "ours", _PROXY % upstream.getsockname()[1], main="master_process off;")
    try:
        with server.connect(b"GET / HTTP/1.0\r\n\r\n") as client:
            peer, _ = upstream.accept()
            peer.recv(4096)
            for text in ("two", "three"):
                server.configure(_HTTP % text)
                reloads = server.count('using the "')
                server.signal(signal.SIGHUP)
                server.until(lambda: server.count('using the "') > reloads)  # noqa: B023
                assert server.get().endswith(text.encode())
            peer.sendall(b"HTTP/1.0 200 OK\r\n\r\nlate")
            peer.close()
            assert read_all(client).endswith(b"late")
        server.configure("bogus;")
        server.signal(signal.SIGHUP)
        server.until(lambda: server.count("[emerg] ") == 1)
        assert server.get().endswith(b"three")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert not server.count("[alert]")
    finally:
        server.stop()
