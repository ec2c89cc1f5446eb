"""What a config.toml describes, as the specs that Control takes."""

from __future__ import annotations

from .. import settings as described
from .model import NetworkSpec, ServiceSpec, TaskSpec


def network(wanted: described.Network) -> NetworkSpec:
    return NetworkSpec(wanted.name, wanted.driver, wanted.subnet or "")


def service(wanted: described.Service) -> ServiceSpec:
    """Docker's defaults count as not said."""
    policy, grace = wanted.restart_policy, wanted.stop_grace_period
    task = TaskSpec(
        image=tagged(wanted.image),
        args=wanted.command,
        env=wanted.env,
        hostname=wanted.hostname,
        networks=wanted.networks,
        mounts=wanted.mounts,
        healthcheck=wanted.healthcheck,
        stop_signal=wanted.stop_signal,
        stop_grace=None if grace == TaskSpec("").stop_grace_period else grace,
        restart_policy=None if policy == described.RestartPolicy() else policy,
    )
    return ServiceSpec(
        wanted.name,
        task,
        wanted.replicas,
        wanted.ports,
        wanted.endpoint_mode,
        wanted.labels,
        wanted.mode,
        wanted.update_config,
        wanted.rollback_config,
    )


def tagged(image: str) -> str:
    """The name with the tag that Docker's client would send."""
    return image if ":" in image.rpartition("/")[2] or "@" in image else f"{image}:latest"
