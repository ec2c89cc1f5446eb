"""The store and its journal: transactions, what comes back, and a disk that is full."""

from __future__ import annotations

import resource
import sqlite3
from pathlib import Path

import pytest

from emulator.settings import Mount, Port, RestartPolicy
from emulator.swarm import cluster, record
from emulator.swarm.errors import Broken, SwarmError
from emulator.swarm.journal import FORMAT, Journal
from emulator.swarm.model import (
    Attachment,
    DesiredState,
    Network,
    Node,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
    TaskState,
    UpdateState,
    UpdateStatus,
    Volume,
)
from emulator.swarm.store import Change, Object, Store

SPEC = TaskSpec(
    "web:1",
    args=("serve", "--now"),
    env=(("A", "ü"), ("B", "")),
    networks=("net",),
    mounts=(Mount("volume", "files", "/files", read_only=True),),
    restart_policy=RestartPolicy(max_attempts=3),
)
EVERYTHING: tuple[Object, ...] = (
    cluster.found("c1", '{"Name":"default"}'),
    Node("n1", "here", labels=(("a", "b"),)),
    Network("i1", "net", "overlay", "10.1.0.0/24", "10.1.0.1"),
    Volume("files", "/where", labels=(("k", ""),)),
    Service(
        "s1",
        ServiceSpec("web", SPEC, 2, (Port(80, 8080),)),
        previous_spec=ServiceSpec("web", TaskSpec("web:0")),
        vips=(Attachment("net", "10.1.0.2"),),
        update_status=UpdateStatus(UpdateState.PAUSED, "why", 1.5),
    ),
    Task(
        "t1", "s1", "web", 1, SPEC, DesiredState.READY, TaskState.RUNNING, restarts=(1.25, 2.5), exit_code=0
    ),
)


def store(path: Path | None = None) -> Store:
    made = Store(lambda: 100.0)
    if path is not None:
        made.keep(Journal(path))
    return made


def again(path: Path) -> Store:
    """What a later engine finds."""
    journal = Journal(path)
    found = Store(lambda: 200.0)
    found.adopt(*journal.read())
    journal.close()
    return found


def everything(kept: Store) -> list[Object]:
    tables = (kept.clusters, kept.nodes, kept.networks, kept.volumes, kept.services, kept.tasks)
    return [thing for table in tables for thing in table.values()]


@pytest.mark.parametrize("thing", EVERYTHING, ids=lambda thing: type(thing).__name__)
def test_an_object_comes_back_from_its_text_as_it_was(thing: Object) -> None:
    revived = record.load(record.dump(thing))
    assert revived == thing
    assert type(revived) is type(thing)
    if isinstance(revived, Task):
        assert revived.state is TaskState.RUNNING


def test_what_another_version_of_the_model_has_more_or_less_of_does_no_harm() -> None:
    assert record.load('{"":"Volume","id":"v","mountpoint":"/m","colour":"red"}') == Volume("v", "/m")
    with pytest.raises(record.Unreadable):
        record.load('{"":"Flower","id":"v"}')


def test_a_change_is_on_disk_when_its_call_returns(tmp_path: Path) -> None:
    path = tmp_path / "swarm.db"
    kept = store(path)
    for thing in EVERYTHING:
        kept.put(thing)
    copy = tmp_path / "copy.db"
    for suffix in ("", "-wal"):
        copy.with_name(f"copy.db{suffix}").write_bytes(path.with_name(f"swarm.db{suffix}").read_bytes())
    found = again(copy)
    assert everything(found) == everything(kept)
    assert found.version == kept.version == len(EVERYTHING)
    assert [task.id for task in found.tasks_of("s1")] == ["t1"]


def test_what_was_there_before_the_journal_goes_into_it_and_what_is_removed_stays_gone(
    tmp_path: Path,
) -> None:
    kept = store()
    kept.put(*EVERYTHING)
    kept.keep(Journal(tmp_path / "swarm.db"))
    kept.remove(kept.tasks["t1"], kept.services["s1"])
    kept.let_go()
    kept.put(Volume("later", "/later"))
    found = again(tmp_path / "swarm.db")
    assert not found.tasks
    assert not found.services
    assert set(found.volumes) == {"files"}


def test_what_a_run_forgets_at_its_end_is_gone_and_the_file_too_when_nothing_else_is_left(
    tmp_path: Path,
) -> None:
    path = tmp_path / "swarm.db"
    kept = store(path)
    kept.put(EVERYTHING[3], EVERYTHING[4])
    kept.let_go([kept.services["s1"]])
    assert [thing.id for thing in everything(again(path))] == ["files"]
    kept.keep(Journal(path))
    kept.let_go([kept.services["s1"], kept.volumes["files"]])
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_owed_what_happened_and_takes_no_verb_until_it_is_paid(tmp_path: Path) -> None:
    path = tmp_path / "swarm.db"
    kept = store(path)
    kept.put(EVERYTHING[4])
    told: list[str] = []
    heard: list[Change] = []
    kept.on_owing = told.append
    kept.watch(heard.append)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("swarm.db-wal").stat().st_size, hard))
    try:
        with pytest.raises(SwarmError) as refusal:
            kept.assure()
        assert refusal.value.status == 500
        kept.put(EVERYTHING[5])
        kept.remove(kept.services["s1"])
        assert len(heard) == 2, "what has happened has happened"
        assert told
        assert not kept.pay()
        with pytest.raises(SwarmError, match="no space left on device"):
            kept.confirm()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept.assure()
    kept.confirm()
    kept.let_go()
    found = again(path)
    assert set(found.tasks) == {"t1"}
    assert not found.services


def test_a_file_that_is_none_of_ours_or_of_a_later_format_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "swarm.db"
    path.write_bytes(b"nothing that sqlite knows" * 100)
    with pytest.raises(Broken, match="not a database"):
        Journal(path)
    path.unlink()
    with sqlite3.connect(path) as later:
        later.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(Broken, match="newer emulator"):
        Journal(path)


def test_a_swarms_tokens_share_their_digest_and_one_kind_is_rotated_alone() -> None:
    made = cluster.found("c1", "{}")
    worker, manager = made.worker_token, made.manager_token
    assert worker != manager
    assert worker.split("-")[2] == manager.split("-")[2]
    assert [len(part) for part in worker.split("-")] == [6, 1, 50, 25]
    turned = cluster.rotated(made, worker=True, manager=False)
    assert turned.manager_token == manager
    assert turned.worker_token != worker
