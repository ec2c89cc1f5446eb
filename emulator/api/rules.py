"""What swarmkit refuses of a service's spec before it is one (controlapi's validateServiceSpec)."""

from __future__ import annotations

import re

from ..swarm import constraints, templates, volumes
from ..swarm.errors import refused
from ..swarm.model import Resources, ServiceSpec, Task, TaskSpec
from .body import bad

_NAME = re.compile(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*")
_LONGEST_NAME = 63
_LEAST_CPU, _LEAST_MEMORY = 1_000_000, 4 << 20
_LEAST_INTERVAL = 0.001
# The grammar of github.com/distribution/reference.
_DOMAIN = (
    r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9-]*[a-zA-Z0-9]))*(?::[0-9]+)?"
)
_PATH = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:{_DOMAIN}/)?{_PATH}(?:/{_PATH})*(?::\w[\w.-]{{0,127}})?(?:@[A-Za-z][\w.+-]*:[0-9a-fA-F]{{32,}})?",
    re.ASCII,
)


def check_service(spec: ServiceSpec) -> None:
    """In swarmkit's order; what only shows when the task is made is not asked here."""
    check_name(spec.name)
    for side in (spec.task.limits, spec.task.reservations):
        _check_resources(side)
    _check_times(spec)
    for constraint in spec.task.placement.constraints:
        constraints.parse(constraint)
    _check_image(spec.task.image)
    _check_mounts(spec.task)
    _check_health(spec.task)
    _check_templates(spec)
    _check_updates(spec)


def check_volume_name(name: str) -> None:
    if words := volumes.fault_of_name(name):
        raise bad(words)


def _invalid(words: str) -> Exception:
    return refused("InvalidArgument", words)


def check_name(name: str) -> None:
    """Of a service or a network (swarmkit's validateAnnotations)."""
    if not _NAME.fullmatch(name):
        raise _invalid("name must be valid as a DNS name component")
    if len(name) > _LONGEST_NAME:
        raise _invalid(f"name must be {_LONGEST_NAME} characters or fewer")


def _check_resources(side: Resources) -> None:
    if side.nano_cpus and side.nano_cpus < _LEAST_CPU:
        raise _invalid(f"invalid cpu value {side.nano_cpus / 1e9:g}: Must be at least 0.001")
    if side.memory and side.memory < _LEAST_MEMORY:
        raise _invalid(f"invalid memory value {side.memory}: Must be at least 4MiB")


def _check_times(spec: ServiceSpec) -> None:
    policy = spec.task.restart
    if policy.delay < 0:
        raise _invalid("TaskSpec: restart-delay cannot be negative")
    if policy.window < 0:
        raise _invalid("TaskSpec: restart-window cannot be negative")
    if spec.task.stop_grace_period < 0:
        raise _invalid("ContainerSpec: stop-grace-period cannot be negative")


def _check_image(image: str) -> None:
    if not image:
        raise _invalid("ContainerSpec: image reference must be provided")
    if not _IMAGE.fullmatch(image):
        raise _invalid(f'ContainerSpec: "{image}" is not a valid repository/tag')


def _check_mounts(task: TaskSpec) -> None:
    seen = set()
    for mount in task.mounts:
        if mount.target in seen:
            raise _invalid(f"ContainerSpec: duplicate mount point: {mount.target}")
        seen.add(mount.target)


def _check_health(task: TaskSpec) -> None:
    check = task.healthcheck
    if check is None:
        return
    times = {"Interval": check.interval, "Timeout": check.timeout, "StartPeriod": check.start_period}
    for name, seconds in times.items():
        if seconds and seconds < _LEAST_INTERVAL:
            raise _invalid(f"ContainerSpec: {name} in HealthConfig cannot be less than 1ms")
    if check.retries < 0:
        raise _invalid("ContainerSpec: Retries in HealthConfig cannot be negative")


def _check_templates(spec: ServiceSpec) -> None:
    """With the values of a task that is none, so that a bad template is told at once."""
    task = Task("task", "service", spec.name, 1, spec.task)
    known = templates.context(task, ("node", "node"), ("x86_64", "linux"), dict(spec.labels))
    try:
        templates.expand_spec(spec.task, known)
    except templates.BadTemplate as error:
        raise _invalid(str(error)) from None


def _check_updates(spec: ServiceSpec) -> None:
    for config in (spec.update, spec.rollback):
        if config is None:
            continue
        if config.delay < 0:
            raise _invalid("TaskSpec: update-delay cannot be negative")
        if config.monitor < 0:
            raise _invalid("TaskSpec: update-monitor cannot be negative")
        if not 0 <= config.max_failure_ratio <= 1:
            raise _invalid("TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1")
