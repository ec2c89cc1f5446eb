"""Whether the only node takes a task, and in which words it does not (as swarmkit's scheduler filters)."""

from __future__ import annotations

from collections.abc import Collection

from .constraints import satisfied
from .model import Node, Service, Task, TaskState


def hindrance(task: Task, service: Service, node: Node, others: Collection[Task]) -> str | None:
    """Why a task has to wait, as its status says it; `others` are all tasks that there are."""
    asks = any(task.spec.reservations) or task.spec.placement.max_replicas or _host_ports(task)
    here = [other for other in others if other.id != task.id and _is_here(other)] if asks else []
    why = _explain(task, service, node, here)
    if why is None or service.spec.mode == "global":
        return why
    return f"no suitable node ({why})"


def _is_here(task: Task) -> bool:
    return TaskState.ASSIGNED.rank <= task.state.rank <= TaskState.RUNNING.rank


def _explain(task: Task, service: Service, node: Node, here: list[Task]) -> str | None:
    """In the order of swarmkit's filters."""
    limit = task.spec.placement.max_replicas
    if node.availability != "active":
        return "1 node not available for new tasks"
    if _is_short(task, node, here):
        return "insufficient resources on 1 node"
    if not satisfied(task.spec.placement.constraints, node):
        return "scheduling constraints not satisfied on 1 node"
    if _host_ports(task) & {port for other in here for port in _host_ports(other)}:
        return "host-mode port already in use on 1 node"
    if limit and sum(other.service_id == service.id for other in here) >= limit:
        return "max replicas per node limit exceed"
    return None


def _is_short(task: Task, node: Node, here: list[Task]) -> bool:
    """Whether the reservations of all would be more than the node has; an unknown size is enough."""
    wanted, have = task.spec.reservations, node.resources
    memory = wanted.memory + sum(other.spec.reservations.memory for other in here)
    cpus = wanted.nano_cpus + sum(other.spec.reservations.nano_cpus for other in here)
    too_much = bool(wanted.memory and have.memory) and memory > have.memory
    return too_much or (bool(wanted.nano_cpus and have.nano_cpus) and cpus > have.nano_cpus)


def _host_ports(task: Task) -> set[tuple[int, str]]:
    ports = task.endpoint.ports if task.endpoint else ()
    return {(port.published, port.protocol) for port in ports if port.mode == "host" and port.published}
