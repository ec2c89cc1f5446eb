"""Health checks with real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.container.checkup import Checkup, here
from emulator.settings import Healthcheck

from .rig import Rig

NOWHERE = ("127.0.0.1", 1)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def checkup(rig: Rig, *test: str, told: list[str], **words: float) -> Checkup:
    check = Healthcheck(test, **{"interval": 0.02, "retries": 2, **words})  # type: ignore[arg-type]
    return Checkup(
        rig.loop, rig.children, check, rig.command("true", WORD="well"), lambda port: NOWHERE, told.append
    )


def test_a_shells_test_runs_in_the_folder_and_environment_of_its_container(rig: Rig) -> None:
    told: list[str] = []
    made = checkup(rig, "CMD-SHELL", 'echo "$WORD"; pwd >&2', told=told)
    rig.until(lambda: bool(told))
    made.end()
    result = made.health.results[-1]
    assert told == ["healthy"]
    assert result.exit_code == 0
    assert sorted(result.output.split()) == sorted(["well", str(rig.folder)])


def test_failures_make_it_unhealthy_and_a_success_well_again(rig: Rig) -> None:
    told: list[str] = []
    made = checkup(rig, "CMD", "test", "-e", "well", told=told)
    rig.until(lambda: told == ["unhealthy"])
    (rig.folder / "well").touch()
    rig.until(lambda: told == ["unhealthy", "healthy"])
    made.end()
    assert made.health.streak == 0


def test_one_that_does_not_end_in_time_is_killed_with_all_that_it_started(rig: Rig) -> None:
    told: list[str] = []
    made = checkup(rig, "CMD-SHELL", "sleep 60 & sleep 60", told=told, timeout=0.05, retries=1)
    rig.until(lambda: bool(told))
    made.end()
    result = made.health.results[-1]
    assert (result.exit_code, result.output) == (-1, "Health check exceeded timeout (50ms)")


def test_what_cannot_be_run_is_told_in_runcs_words(rig: Rig) -> None:
    told: list[str] = []
    made = checkup(rig, "CMD", "nosuchprobe", told=told, retries=1)
    rig.until(lambda: bool(told))
    made.end()
    assert made.health.results[-1].exit_code == -1
    assert made.health.results[-1].output == (
        "OCI runtime exec failed: exec failed: unable to start container process: "
        'exec: "nosuchprobe": executable file not found in $PATH: unknown'
    )


def test_after_its_end_nothing_is_heard_and_nothing_runs(rig: Rig) -> None:
    told: list[str] = []
    made = checkup(rig, "CMD-SHELL", "touch begun; sleep 60", told=told)
    rig.until(lambda: (rig.folder / "begun").exists() or rig.loop.call_later(0.01, bool) is None)
    made.end()
    rig.until(lambda: not rig.loop._readers)
    assert not made.health.results


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("curl -f http://localhost:8000/ || exit 1", "curl -f http://127.9.0.3:8000/ || exit 1"),
        ("wget -q http://127.0.0.1/", "wget -q http://127.9.0.3:8080/"),
        ("nc -z localhost 8000", "nc -z 127.9.0.3 8000"),
        ("redis-cli ping", "redis-cli ping"),
        ("curl http://localhost.example:8000/", "curl http://localhost.example:8000/"),
        ("echo localhost", "echo localhost"),
    ],
)
def test_the_containers_localhost_is_where_its_task_is(rig: Rig, said: str, meant: str) -> None:
    def where(port: int) -> tuple[str, int]:
        return "127.9.0.3", {80: 8080}.get(port, port)

    assert here(("/bin/sh", "-c", said), rig.command("true"), where)[2] == meant
    assert here(tuple(said.split()), rig.command("true"), where) == tuple(meant.split())


def test_pythons_words_stay_as_its_shim_knows_localhost(rig: Rig) -> None:
    said = ("python", "-c", "connect('localhost:8000')")
    assert here(said, rig.command("true"), lambda port: NOWHERE) == said
