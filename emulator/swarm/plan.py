"""What a pass of the reconciler wants done: values that the orchestrator applies as one transaction."""

from __future__ import annotations

from typing import NamedTuple

from .model import DesiredState, Service, Task


class Create(NamedTuple):
    """A new task in a slot, of the service's present template; `of_update` is the update that asks for it."""

    slot: int
    desired: DesiredState
    not_before: float
    restarts: tuple[float, ...] = ()
    of_update: float = 0.0


class Desire(NamedTuple):
    """Another desired state for a task."""

    task: Task
    state: DesiredState


class Remove(NamedTuple):
    """A task that is history no longer."""

    task: Task


class Amend(NamedTuple):
    """The service with another update status, or with the spec that it is rolled back to."""

    service: Service


Action = Create | Desire | Remove | Amend


class Plan(NamedTuple):
    """What to do, in this order, and the next time to look though nothing has happened."""

    actions: tuple[Action, ...] = ()
    deadline: float | None = None
