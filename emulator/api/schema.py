"""Services, tasks and volumes of the swarm as Docker's JSON, API 1.41."""

from __future__ import annotations

from ..settings import Port
from ..swarm.model import Service, Task, TaskState, Volume
from ..swarm.store import Store
from . import networkshape, specshape
from .specshape import JSON
from .times import moment


def service(thing: Service, store: Store, *, defaults: bool = False) -> JSON:
    """Its endpoint is told once something has been allocated for it."""
    endpoint: JSON = {"Spec": specshape.endpoint_spec(thing.spec) if thing.vips or thing.ports else {}}
    if thing.ports:
        endpoint["Ports"] = [specshape.port(port) for port in thing.ports]
    if thing.vips:
        endpoint["VirtualIPs"] = [
            {"NetworkID": networkshape.network_id(vip.network, store), "Addr": networkshape.cidr(vip, store)}
            for vip in thing.vips
        ]
    made: JSON = {
        "ID": thing.id,
        "Version": {"Index": thing.version},
        "CreatedAt": moment(thing.created_at),
        "UpdatedAt": moment(thing.updated_at),
        "Spec": specshape.service_spec(thing.spec, store, defaults=defaults),
    }
    if thing.previous_spec is not None:
        made["PreviousSpec"] = specshape.service_spec(thing.previous_spec, store)
    made["Endpoint"] = endpoint
    if thing.update_status is not None:
        made["UpdateStatus"] = _update_status(thing)
    return made


def _update_status(thing: Service) -> JSON:
    status = thing.update_status
    assert status is not None
    made: JSON = {"State": str(status.state)}
    if status.started_at:
        made["StartedAt"] = moment(status.started_at)
    if status.completed_at:
        made["CompletedAt"] = moment(status.completed_at)
    return {**made, "Message": status.message}


def service_status(thing: Service, store: Store) -> JSON:
    """What `?status=true` adds: a global service wants as many as it has (swarmkit's ListServiceStatuses)."""
    tasks = list(store.tasks_of(thing.id))
    wanted = sum(task.desired.wants_to_run for task in tasks)
    return {
        "RunningTasks": sum(task.is_up and task.state is TaskState.RUNNING for task in tasks),
        "DesiredTasks": thing.spec.replicas if thing.spec.mode == "replicated" else wanted,
        "CompletedTasks": 0,
    }


def task(thing: Task, store: Store) -> JSON:
    made: JSON = {
        "ID": thing.id,
        "Version": {"Index": thing.version},
        "CreatedAt": moment(thing.created_at),
        "UpdatedAt": moment(thing.updated_at),
        "Labels": {},
        "Spec": specshape.task_template(thing.spec, store),
        "ServiceID": thing.service_id,
    }
    if thing.slot:
        made["Slot"] = thing.slot
    if thing.node_id:
        made["NodeID"] = thing.node_id
    made["Status"] = _task_status(thing)
    made["DesiredState"] = str(thing.desired)
    links = [networkshape.carried(link, store) for link in thing.attachments]
    if any(links):
        made["NetworksAttachments"] = [link for link in links if link]
    return made


def _task_status(thing: Task) -> JSON:
    made: JSON = {
        "Timestamp": moment(thing.timestamp),
        "State": str(thing.state),
        "Message": thing.message,
    }
    if thing.error:
        made["Err"] = thing.error
    if thing.container_id:
        made["ContainerStatus"] = {
            "ContainerID": thing.container_id,
            "PID": 0 if thing.state.is_final else thing.pid,
            "ExitCode": thing.exit_code or 0,
        }
    shown = [specshape.port(port) for port in host_ports(thing)]
    made["PortStatus"] = {"Ports": [port for port in shown for _ in ("0.0.0.0", "::")]} if shown else {}
    return made


def host_ports(thing: Task) -> list[Port]:
    """Published for it alone, while it runs."""
    wanted = thing.ports or (thing.endpoint.ports if thing.endpoint else ())
    return [port for port in wanted if port.mode == "host"] if thing.state is TaskState.RUNNING else []


def volume(thing: Volume) -> JSON:
    return {
        "CreatedAt": moment(thing.created_at).partition(".")[0].removesuffix("Z") + "Z",
        "Driver": "local",
        "Labels": None if thing.labels is None else dict(thing.labels),
        "Mountpoint": thing.mountpoint,
        "Name": thing.name,
        "Options": None if thing.options is None else dict(thing.options),
        "Scope": "local",
    }
