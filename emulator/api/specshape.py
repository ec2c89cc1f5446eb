"""The swarm's specs as Docker's JSON, in Docker's order of keys."""

from __future__ import annotations

import json
from typing import Any

from ..settings import Healthcheck, Mount, Port, RestartPolicy, UpdateConfig
from ..swarm.model import LogDriver, Placement, Resources, ServiceSpec, TaskSpec
from ..swarm.store import Store

JSON = dict[str, Any]
_NANO = 1_000_000_000


def nanoseconds(seconds: float) -> int:
    return round(seconds * _NANO)


def service_spec(spec: ServiceSpec, store: Store, *, defaults: bool = False) -> JSON:
    """`defaults`: with what swarmkit puts in for what was not said (`insertDefaults=true`)."""
    made: JSON = {
        "Name": spec.name,
        "Labels": dict(spec.labels),
        "TaskTemplate": {**task_template(spec.task, store, defaults=defaults), "Runtime": "container"},
        "Mode": {"Global": {}} if spec.mode == "global" else {"Replicated": {"Replicas": spec.replicas}},
    }
    for key, config, default in (
        ("UpdateConfig", spec.update, spec.update_config),
        ("RollbackConfig", spec.rollback, spec.rollback_config),
    ):
        if config is not None or defaults:
            made[key] = _update(config or default, defaults=defaults)
    made["EndpointSpec"] = endpoint_spec(spec)
    return made


def endpoint_spec(spec: ServiceSpec) -> JSON:
    made: JSON = {"Mode": spec.endpoint_mode}
    if spec.ports:
        made["Ports"] = [port(each) for each in spec.ports]
    return made


def task_template(spec: TaskSpec, store: Store, *, defaults: bool = False) -> JSON:
    """A TaskSpec; what came in another shape than the canonical one is shown as it came."""
    made: JSON = json.loads(spec.other) if spec.other else _template(spec, store)
    if defaults:
        made.setdefault("RestartPolicy", _restart(RestartPolicy()))
        made.setdefault("Resources", {})
        container = made["ContainerSpec"]
        container.setdefault("StopGracePeriod", nanoseconds(spec.stop_grace_period))
        container.setdefault("DNSConfig", {})
        made["ContainerSpec"] = _in_order(container, _CONTAINER)
    return _in_order(made, _TEMPLATE)


_TEMPLATE = (
    "ContainerSpec",
    "Resources",
    "RestartPolicy",
    "Placement",
    "Networks",
    "LogDriver",
    "ForceUpdate",
)
_CONTAINER = (
    "Image", "Labels", "Command", "Args", "Hostname", "Env", "Dir", "User", "Groups", "Privileges", "Init",
    "StopSignal", "TTY", "OpenStdin", "ReadOnly", "Mounts", "StopGracePeriod", "Healthcheck", "Hosts",
    "DNSConfig", "Secrets", "Configs", "Isolation", "Sysctls", "CapabilityAdd", "CapabilityDrop", "Ulimits",
)  # fmt: skip


def _in_order(made: JSON, order: tuple[str, ...]) -> JSON:
    known = {key: made[key] for key in order if key in made}
    return known | {key: found for key, found in made.items() if key not in known}


def _template(spec: TaskSpec, store: Store) -> JSON:
    made: JSON = {
        "ContainerSpec": _container(spec),
        "Resources": {
            "Limits": _resources(spec.limits),
            "Reservations": _resources(spec.reservations),
        },
        "Placement": _placement(spec.placement),
        "ForceUpdate": spec.force_update,
    }
    if spec.restart_policy is not None:
        made["RestartPolicy"] = _restart(spec.restart_policy)
    if spec.networks:
        made["Networks"] = [_network(name, spec, store) for name in spec.networks]
    if spec.log_driver is not None:
        made["LogDriver"] = _log_driver(spec.log_driver)
    return made


def _container(spec: TaskSpec) -> JSON:
    made: JSON = {
        "Image": spec.image,
        "Labels": dict(spec.labels),
        "Command": list(spec.command or ()),
        "Args": list(spec.args or ()),
        "Hostname": spec.hostname,
        "Env": [f"{name}={text}" for name, text in spec.env],
        "Dir": spec.dir,
        "User": spec.user,
        "StopSignal": spec.stop_signal,
        "TTY": spec.tty,
        "ReadOnly": spec.read_only,
        "Mounts": [mount(each) for each in spec.mounts],
        "StopGracePeriod": None if spec.stop_grace is None else nanoseconds(spec.stop_grace),
        "Healthcheck": healthcheck(spec.healthcheck) if spec.healthcheck else None,
        "Hosts": list(spec.hosts),
    }
    made = {key: found for key, found in made.items() if found}
    made |= {"Init": bool(spec.init), "DNSConfig": {}, "Isolation": "default"}
    return _in_order(made, _CONTAINER)


def mount(each: Mount) -> JSON:
    made: JSON = {"Type": each.type, "Source": each.source, "Target": each.target}
    if each.read_only:
        made["ReadOnly"] = True
    if each.propagation:
        made["BindOptions"] = {"Propagation": each.propagation}
    options: JSON = {}
    if each.no_copy:
        options["NoCopy"] = True
    if each.labels:
        options["Labels"] = dict(each.labels)
    if each.driver or each.options:
        driver = {"Name": each.driver, "Options": dict(each.options)}
        options["DriverConfig"] = {key: found for key, found in driver.items() if found}
    if options:
        made["VolumeOptions"] = options
    return {key: found for key, found in made.items() if found}


def port(each: Port) -> JSON:
    made: JSON = {"Protocol": each.protocol, "TargetPort": each.target}
    if each.published:
        made["PublishedPort"] = each.published
    return {**made, "PublishMode": each.mode}


def healthcheck(check: Healthcheck) -> JSON:
    made = {
        "Test": list(check.test),
        "Interval": nanoseconds(check.interval),
        "Timeout": nanoseconds(check.timeout),
        "StartPeriod": nanoseconds(check.start_period),
        "StartInterval": nanoseconds(check.start_interval),
        "Retries": check.retries,
    }
    return {key: found for key, found in made.items() if found}


def _restart(policy: RestartPolicy) -> JSON:
    made: JSON = {
        "Condition": policy.condition,
        "Delay": nanoseconds(policy.delay),
        "MaxAttempts": policy.max_attempts,
    }
    if policy.window:
        made["Window"] = nanoseconds(policy.window)
    return made


def _resources(side: Resources) -> JSON:
    made = {"NanoCPUs": side.nano_cpus, "MemoryBytes": side.memory, "Pids": side.pids}
    return {key: found for key, found in made.items() if found}


def _placement(placement: Placement) -> JSON:
    made: JSON = {
        "Constraints": list(placement.constraints),
        "Preferences": [{"Spread": {"SpreadDescriptor": each}} for each in placement.preferences],
        "MaxReplicas": placement.max_replicas,
    }
    return {key: found for key, found in made.items() if found}


def _network(name: str, spec: TaskSpec, store: Store) -> JSON:
    known = store.network(name)
    made: JSON = {"Target": known.id if known else name}
    aliases = [alias for network, alias in spec.aliases if network == name]
    return {**made, "Aliases": aliases} if aliases else made


def _log_driver(driver: LogDriver) -> JSON:
    made: JSON = {"Name": driver.name}
    if driver.options:
        made["Options"] = dict(driver.options)
    return made


def _update(config: UpdateConfig, *, defaults: bool) -> JSON:
    made: JSON = {"Parallelism": config.parallelism}
    if config.delay:
        made["Delay"] = nanoseconds(config.delay)
    made["FailureAction"] = config.failure_action
    if defaults or config.monitor != UpdateConfig().monitor:
        made["Monitor"] = nanoseconds(config.monitor)
    return {**made, "MaxFailureRatio": _plain(config.max_failure_ratio), "Order": config.order}


def _plain(number: float) -> float:
    """1.0 is 1 in Go's JSON."""
    return int(number) if number == int(number) else number
