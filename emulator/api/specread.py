"""Docker's ServiceSpec as JSON -> the swarm's: what swarmkit's converter takes, and what it refuses.

A field that means nothing here is kept: `TaskSpec.other` holds the whole template as it came wherever the
canonical shape of the rest would not show it again.
"""

from __future__ import annotations

import json
from typing import Any

from ..settings import Healthcheck, Mount, Port, RestartPolicy, UpdateConfig
from ..swarm.errors import SwarmError
from ..swarm.identity import service_name
from ..swarm.model import LogDriver, Placement, Resources, ServiceSpec, TaskSpec
from ..swarm.store import Store
from .body import Part, bad
from .specshape import JSON, task_template

# What a task on the default bridge has anyway, and what no plain process can have.
_BRIDGE, _FOREIGN = "bridge", ("host", "none")
_MOUNTS = ("bind", "volume", "tmpfs", "npipe")
_EMPTY: tuple[Any, ...] = (None, "", [], {}, 0, False)
# Of a ContainerSpec these show even when they are empty.
_SHOWN_EMPTY = ("Init", "DNSConfig")


def service_spec(body: Part, store: Store, local: dict[str, str]) -> ServiceSpec:
    """`local` are the networks of this machine that are no swarm object: id and name."""
    template = body.part("TaskTemplate")
    runtime = template.text("Runtime", "container") if template else "container"
    if runtime not in ("", "container"):
        raise _not_emulated(f"the {runtime} runtime", "a task is a process of this machine")
    container = template.part("ContainerSpec") if template else None
    if template is None or container is None:
        raise bad("mismatched Runtime and *Spec fields")
    targets = list(template.parts("Networks")) or list(body.parts("Networks"))
    links = [_link(target, store, local) for target in targets]
    task = _task(template, container, links)
    raw = _normal(template.fields, links)
    if task_template(task, store) != raw:
        task = task._replace(other=json.dumps(raw, sort_keys=True, separators=(",", ":")))
    mode, replicas = _mode(body.part("Mode"))
    endpoint = body.part("EndpointSpec")
    return ServiceSpec(
        name=body.text("Name") or service_name(),
        task=task,
        replicas=replicas,
        ports=tuple(_port(port) for port in endpoint.parts("Ports")) if endpoint else (),
        endpoint_mode=_endpoint_mode(endpoint),
        labels=body.pairs("Labels"),
        mode=mode,
        update=_update(body.part("UpdateConfig"), "update"),
        rollback=_update(body.part("RollbackConfig"), "rollback"),
    )


class _Link:
    """One network of a service: the store's name for it, its id, and other names for the tasks there."""

    def __init__(self, identity: str, name: str, aliases: tuple[str, ...]) -> None:
        self.identity, self.name, self.aliases = identity, name, aliases


def _link(target: Part, store: Store, local: dict[str, str]) -> _Link:
    reference, aliases = target.text("Target"), target.texts("Aliases")
    network = store.network(reference)
    if network is not None:
        return _Link(network.id, network.name, aliases)
    for identity, name in local.items():
        if reference in (identity, name):
            if name in _FOREIGN:
                raise _not_emulated(f"the network {name}", "every task here has addresses of its own")
            return _Link(identity, name, aliases)
    raise SwarmError(500, f"network {reference} not found")


def _task(template: Part, container: Part, links: list[_Link]) -> TaskSpec:
    _refuse_secrets(container)
    own = [link for link in links if link.name != _BRIDGE]
    resources = template.part("Resources")
    return TaskSpec(
        image=container.text("Image"),
        command=container.texts("Command") or None,
        args=container.texts("Args") or None,
        env=tuple(_variable(text) for text in container.texts("Env")),
        labels=container.pairs("Labels"),
        dir=container.text("Dir") or None,
        user=container.text("User") or None,
        hostname=container.text("Hostname") or None,
        networks=tuple(link.name for link in own),
        aliases=tuple((link.name, alias) for link in own for alias in link.aliases),
        mounts=tuple(_mount(mount) for mount in container.parts("Mounts")),
        hosts=container.texts("Hosts"),
        healthcheck=_healthcheck(container.part("Healthcheck")),
        init=container.flag("Init") or None,
        tty=container.flag("TTY"),
        read_only=container.flag("ReadOnly"),
        stop_signal=container.text("StopSignal") or None,
        stop_grace=container.seconds("StopGracePeriod") if "StopGracePeriod" in container else None,
        restart_policy=_restart(template.part("RestartPolicy")),
        limits=_resources(resources, "Limits"),
        reservations=_resources(resources, "Reservations"),
        placement=_placement(template.part("Placement")),
        log_driver=_log_driver(template.part("LogDriver")),
        force_update=template.number("ForceUpdate", kind="uint64"),
    )


def _refuse_secrets(container: Part) -> None:
    for key, noun in (("Secrets", "secrets"), ("Configs", "configs")):
        if list(container.parts(key)):
            raise _not_emulated(noun, "mount a file of this machine instead: --mount type=bind")


def _not_emulated(what: str, instead: str) -> SwarmError:
    return SwarmError(501, f"{what} cannot be emulated: {instead}")


def _variable(text: str) -> tuple[str, str]:
    name, _, found = text.partition("=")
    return name, found


def _mount(mount: Part) -> Mount:
    kind = mount.text("Type", "volume") or "volume"
    if kind not in _MOUNTS:
        raise bad(f'invalid MountType: "{kind}"')
    if kind == "npipe":
        raise _not_emulated("a mount of type npipe", "it is Windows' own")
    options, bind = mount.part("VolumeOptions"), mount.part("BindOptions")
    driver = options.part("DriverConfig") if options else None
    return Mount(
        type=kind,
        source=mount.text("Source"),
        target=mount.text("Target"),
        read_only=mount.flag("ReadOnly"),
        no_copy=options.flag("NoCopy") if options else False,
        labels=options.pairs("Labels") if options else (),
        propagation=bind.text("Propagation") if bind else "",
        driver=driver.text("Name") if driver else "",
        options=driver.pairs("Options") if driver else (),
    )


def _healthcheck(check: Part | None) -> Healthcheck | None:
    if check is None:
        return None
    return Healthcheck(
        test=check.texts("Test"),
        interval=check.seconds("Interval"),
        timeout=check.seconds("Timeout"),
        start_period=check.seconds("StartPeriod"),
        start_interval=check.seconds("StartInterval"),
        retries=check.number("Retries", kind="int"),
    )


def _restart(policy: Part | None) -> RestartPolicy | None:
    if policy is None:
        return None
    condition = policy.text("Condition", "any") or "any"
    if condition not in ("none", "on-failure", "any"):
        raise bad(f'invalid RestartCondition: "{condition}"')
    default = RestartPolicy()
    return RestartPolicy(
        condition=condition,
        delay=policy.seconds("Delay", default.delay),
        max_attempts=policy.number("MaxAttempts", kind="uint64"),
        window=policy.seconds("Window"),
    )


def _resources(resources: Part | None, side: str) -> Resources:
    found = resources.part(side) if resources else None
    if found is None:
        return Resources()
    if list(found.parts("GenericResources")):
        raise _not_emulated("a generic resource", "this node has none")
    return Resources(found.number("NanoCPUs"), found.number("MemoryBytes"), found.number("Pids"))


def _placement(placement: Part | None) -> Placement:
    if placement is None:
        return Placement()
    spreads = []
    for preference in placement.parts("Preferences"):
        spread = preference.part("Spread")
        spreads.append(spread.text("SpreadDescriptor") if spread else "")
    most = placement.number("MaxReplicas", kind="uint64")
    return Placement(placement.texts("Constraints"), tuple(spreads), most)


def _log_driver(driver: Part | None) -> LogDriver | None:
    return LogDriver(driver.text("Name"), driver.pairs("Options")) if driver else None


def _mode(mode: Part | None) -> tuple[str, int]:
    if mode is None:
        return "replicated", 1
    for job in ("ReplicatedJob", "GlobalJob"):
        if job in mode:
            name = "replicated-job" if job == "ReplicatedJob" else "global-job"
            raise _not_emulated(f"the service mode {name}", "a service here is to keep running")
    if "Global" in mode:
        if "Replicated" in mode:
            raise bad("must specify only one service mode")
        return "global", 1
    replicated = mode.part("Replicated")
    return "replicated", replicated.number("Replicas", 1, "uint64") if replicated else 1


def _port(port: Part) -> Port:
    return Port(
        target=port.number("TargetPort", kind="uint32"),
        published=port.number("PublishedPort", kind="uint32"),
        protocol=port.text("Protocol", "tcp").lower() or "tcp",
        mode=port.text("PublishMode", "ingress").lower() or "ingress",
    )


def _endpoint_mode(endpoint: Part | None) -> str:
    mode = endpoint.text("Mode", "vip").lower() or "vip" if endpoint else "vip"
    if mode not in ("vip", "dnsrr"):
        raise bad(f'invalid resolution mode: "{mode}"')
    return mode


def _update(config: Part | None, kind: str) -> UpdateConfig | None:
    if config is None:
        return None
    action = config.text("FailureAction", "pause") or "pause"
    if action not in ("pause", "continue", *(("rollback",) if kind == "update" else ())):
        raise bad(f"unrecognized {kind} failure action {action}")
    order = config.text("Order", "stop-first") or "stop-first"
    if order not in ("stop-first", "start-first"):
        raise bad(f"unrecognized {kind} order {order}")
    default = UpdateConfig()
    return UpdateConfig(
        parallelism=config.number("Parallelism", kind="uint64"),
        delay=config.seconds("Delay"),
        failure_action=action,
        monitor=config.seconds("Monitor") or default.monitor,
        max_failure_ratio=config.ratio("MaxFailureRatio"),
        order=order,
    )


def _normal(fields: Any, links: list[_Link]) -> JSON:
    """The template as swarmkit gives it back: nothing empty, networks by id, Isolation said."""
    container = {
        key: found
        for key, found in fields["ContainerSpec"].items()
        if key in _SHOWN_EMPTY or found not in _EMPTY
    }
    container.setdefault("Isolation", "default")
    if container.get("Mounts"):
        container["Mounts"] = [_without_empty(mount) for mount in container["Mounts"]]
    if isinstance(container.get("Privileges"), dict):
        container["Privileges"] = {"CredentialSpec": None, "SELinuxContext": None} | {
            key: found for key, found in container["Privileges"].items() if found is not False
        }
    made = {key: found for key, found in fields.items() if found is not None and key != "Runtime"}
    made["ContainerSpec"] = container
    made.pop("Networks", None)
    if links:
        made["Networks"] = [
            {"Target": link.identity} | ({"Aliases": list(link.aliases)} if link.aliases else {})
            for link in links
        ]
    made.setdefault("ForceUpdate", 0)
    return made


def _without_empty(mount: JSON) -> JSON:
    return {key: found for key, found in mount.items() if found not in _EMPTY}
