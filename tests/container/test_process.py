"""Real processes: how they start, what they are given, how they end."""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

import pytest

from emulator.container.children import Children
from emulator.container.process import (
    Command,
    NotStarted,
    Process,
    find_executable,
    keep_descriptors,
    runs_python,
    spawn,
)
from emulator.swarm.loop import Loop

ENV = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}


def python(code: str, folder: Path, *descriptors: int) -> Process:
    return spawn(Command((sys.executable, "-c", code), ENV, str(folder), descriptors))


def finished(process: Process) -> tuple[int, str, str]:
    """Exit code and both streams, once it has ended."""
    output = {process.stdout: b"", process.stderr: b""}
    open_ends = set(output)
    while open_ends:
        for descriptor in select.select(list(open_ends), [], [], 10)[0]:
            data = os.read(descriptor, 65536)
            output[descriptor] += data
            if not data:
                open_ends.discard(descriptor)
    code = process.reap()
    while code is None:
        select.select([process.handle] if process.handle else [], [], [], 0.01)
        code = process.reap()
    out, err = output[process.stdout].decode(), output[process.stderr].decode()
    process.close()
    return code, out, err


def test_it_leads_a_session_of_its_own_in_its_folder_with_nothing_on_its_input(tmp_path: Path) -> None:
    code = (
        "import os, sys; print(os.getsid(0) == os.getpid() == os.getpgid(0), os.getcwd(), "
        "repr(sys.stdin.read())); sys.stderr.write('told')"
    )
    here = Path.cwd()
    assert finished(python(code, tmp_path)) == (0, f"True {tmp_path} ''\n", "told")
    assert Path.cwd() == here


def test_it_inherits_no_descriptor_but_those_that_are_named(tmp_path: Path) -> None:
    named, other = os.memfd_create("named"), os.memfd_create("other")
    os.set_inheritable(other, True)
    keep_descriptors()
    list_open = "import os; print(*sorted(int(fd) for fd in os.listdir('/proc/self/fd')))"
    _, out, _ = finished(python(list_open, tmp_path, named))
    os.close(named)
    os.close(other)
    open_there = {int(number) for number in out.split()}
    assert {0, 1, 2, named} <= open_there
    assert other not in open_there
    assert len(open_there) == 5, "the fifth is the listing's own"


def test_its_signals_are_the_systems(tmp_path: Path) -> None:
    code = "import signal; print(signal.getsignal(signal.SIGPIPE), signal.pthread_sigmask(0, []))"
    ignored = "import os; print(open('/proc/self/status').read().split('SigIgn:')[1].split()[0])"
    _, out, _ = finished(python(ignored, tmp_path))
    assert int(out, 16) & 1 << signal.SIGTERM - 1 == 0
    assert finished(python(code, tmp_path))[1].endswith("set()\n")


@pytest.mark.parametrize(
    ("code", "expected"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)]
)
def test_an_exit_code_is_dockers(tmp_path: Path, code: str, expected: int) -> None:
    assert finished(python(code, tmp_path))[0] == expected


@pytest.mark.parametrize(
    ("word", "reason", "code"),
    [
        ("nosuchcmd", 'exec: "nosuchcmd": executable file not found in $PATH', 127),
        ("/no/such", 'exec: "/no/such": stat /no/such: no such file or directory', 127),
        ("/usr", 'exec: "/usr": permission denied', 126),
        ("./plain", 'exec: "./plain": permission denied', 126),
    ],
)
def test_what_cannot_be_started_is_told_in_runcs_words(
    tmp_path: Path, word: str, reason: str, code: int
) -> None:
    (tmp_path / "plain").write_text("no program")
    with pytest.raises(NotStarted) as error:
        spawn(Command((word,), ENV, str(tmp_path)))
    assert (error.value.reason, error.value.exit_code) == (reason, code)
    assert str(error.value).startswith("starting container failed: failed to create shim task: OCI runtime")


def test_a_failed_start_leaves_no_descriptor_open(tmp_path: Path) -> None:
    script = tmp_path / "broken"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    before = {entry.name for entry in Path("/proc/self/fd").iterdir()}
    for _ in range(3):
        with pytest.raises(NotStarted, match="no such file or directory"):
            spawn(Command((str(script),), ENV, str(tmp_path)))
    assert {entry.name for entry in Path("/proc/self/fd").iterdir()} == before


def test_python_is_known_by_its_name_or_by_the_first_line_of_a_script() -> None:
    assert runs_python(sys.executable)
    assert runs_python(find_executable("gunicorn", ENV["PATH"], "/"))
    assert not runs_python("/bin/sh")


def test_the_group_ends_whole(tmp_path: Path) -> None:
    code = "import os, signal; os.fork(); print(os.getpid(), flush=True); signal.pause()"
    process = python(code, tmp_path)
    pids: set[int] = set()
    while len(pids) < 2:
        select.select([process.stdout], [], [], 10)
        pids |= {int(word) for word in os.read(process.stdout, 100).split()}
    handles = [os.pidfd_open(pid) for pid in pids]
    process.send_group(signal.SIGKILL)
    for handle in handles:
        assert select.select([handle], [], [], 10)[0], "still there"
        os.close(handle)
    assert finished(process)[0] == 137


@pytest.mark.parametrize("with_handle", [True, False], ids=["pidfd", "SIGCHLD"])
def test_an_end_is_an_event(tmp_path: Path, with_handle: bool) -> None:
    loop = Loop()
    children = Children(loop)
    heard: list[int] = []
    process = python("raise SystemExit(7)", tmp_path)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    if not with_handle:
        assert process.handle is not None
        os.close(process.handle)
        process.handle = None

    def ended(code: int) -> None:
        heard.append(code)
        loop.stop()

    old = signal.signal(signal.SIGCHLD, lambda number, frame: None)
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    loop.add_reader(reading, lambda: (os.read(reading, 64), children.check()))
    children.watch(process, ended)
    loop.call_later(10, loop.stop)
    loop.run()
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGCHLD, old)
    process.close()
    for descriptor in (reading, writing):
        os.close(descriptor)
    assert heard == [7]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("code", "handled"),
    [
        ("", False),
        ("signal.signal(signal.SIGTERM, lambda *args: None)", True),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", False),
        ("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])", True),
        ("threading.Timer(0.05, lambda: print('waits', flush=True)).start(); wait = signal.sigwait", True),
    ],
    ids=["default", "handler", "ignored", "blocked", "waits for it"],
)
def test_a_signal_is_heeded_by_a_handler_or_by_waiting_for_it(
    tmp_path: Path, code: str, handled: bool
) -> None:
    begin = "import signal, threading, time; wait = lambda signals: time.sleep(60)\n"
    end = "" if "waits" in code else "\nprint('there', flush=True)"
    process = python(f"{begin}{code}{end}\nwait([signal.SIGTERM])", tmp_path)
    select.select([process.stdout], [], [], 10)
    assert process.handles(signal.SIGTERM) is handled
    process.send(signal.SIGKILL)
    assert finished(process)[0] == 137
