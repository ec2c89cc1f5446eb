"""What an earlier engine left in the journal: found again, and brought back.

As dockerd does it after a restart, however it ended: networks, volumes and services are as they were;
a task whose container is lost has failed with Docker's words, and the restart policy decides what comes
in its slot; a task that had not been started begins anew. What `up` describes again need not wait.
"""

from __future__ import annotations

from collections.abc import Collection

from ..swarm.model import DesiredState, Task, TaskState
from ..swarm.networks import Networks
from ..swarm.store import Store


def restore(store: Store, networks: Networks) -> None:
    """Networks and services have their addresses again before anything new takes one."""
    for network in store.networks.values():
        if network.subnet:
            networks.create(network)
    for service in sorted(store.services.values(), key=lambda service: service.created_at):
        networks.serve(service)


def revive(store: Store, now: float, hurried: Collection[str] = ()) -> None:
    """The orchestrator hears of every task that is not as it was; of services `hurried` none waits."""
    for task in tuple(store.tasks.values()):
        if task.service_id not in store.services:
            store.remove(task)
        elif not task.state.is_final:
            store.put(found(task, now, hurried=task.service_name in hurried))
    store.announce()


def found(task: Task, now: float, *, hurried: bool = False) -> Task:
    """An unended task as its container's loss leaves it."""
    task = task._replace(pid=0, listens=False)
    if task.state.rank >= TaskState.STARTING.rank:
        ended = now - task.spec.restart.delay if hurried else now
        lost = f"No such container: {task.name}"
        return task._replace(state=TaskState.FAILED, error=lost, timestamp=ended, not_before=0.0)
    if not task.desired.wants_to_run:
        return task._replace(state=TaskState.SHUTDOWN, message="shutdown", timestamp=now)
    desired = DesiredState.RUNNING if hurried else task.desired
    again = task._replace(state=TaskState.NEW, message="created", timestamp=now, desired=desired)
    return again._replace(container_id="", attachments=(), ports=())
