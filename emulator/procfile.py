"""The Procfile's fixed world: replicas on ports that something else runs, the proxy beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .container.images import Recipe, recipe
from .container.root import Root
from .settings import Service, Settings
from .swarm.network import Pool
from .swarm.volumes import folder
from .tasknamespace import TaskNamespace


def ports(settings: Settings) -> dict[str, tuple[int, ...]]:
    """The port of every replica of every service that has no namespace, counted on from `honcho_port`."""
    following = settings.emulator.honcho_port
    found: dict[str, tuple[int, ...]] = {}
    for service in settings.services:
        if not recipe(service.image, settings.images).has_namespace:
            found[service.name] = tuple(range(following, following + service.replicas))
            following += service.replicas
    return found


def proxies(settings: Settings) -> tuple[Service, ...]:
    """The services that a Procfile's `proxy` line stands for."""
    return tuple(s for s in settings.services if recipe(s.image, settings.images).has_namespace)


def namespace(settings: Settings, service: Service) -> TaskNamespace:
    """The namespace of the proxy: its own mounts and ports, one fixed table of endpoints."""
    made = recipe(service.image, settings.images)
    description = {
        "hostname": service.hostname or service.name,
        "mounts": _root(settings, service, made).links(),
        "listen": {str(port.target): [["127.0.0.1", port.published]] for port in service.ports},
        "retry": settings.emulator.endpoints == "listening",
    }
    return TaskNamespace.fixed(description, _table(settings, service))


def _root(settings: Settings, service: Service, made: Recipe) -> Root:
    """The proxy's file system, as a task of its service would have it."""
    root = Root(settings.emulator.state / "proxy" / service.name)
    for needed in made.folders:
        root.folder(needed)
    root.mounts((*made.layout, *_mounts(settings, service)))
    return root


def _mounts(settings: Settings, service: Service) -> Iterator[tuple[str, str]]:
    for mount in service.mounts:
        yield mount.target, mount.source if mount.type == "bind" else str(folder(settings, mount.source))


def _table(settings: Settings, proxy: Service) -> dict[str, Any]:
    """Addresses in Docker's order, so that logs read as they would in the swarm."""
    subnet = next((n.subnet for n in settings.networks if n.name in proxy.networks and n.subnet), None)
    pool = Pool(subnet or "10.0.1.0/24")
    numbers = ports(settings)
    services = {}
    for service in settings.services:
        if service.name in numbers and set(service.networks) & set(proxy.networks):
            vip = pool.take()
            made = recipe(service.image, settings.images)
            endpoints = [_endpoint(service, made, pool.take(), port) for port in numbers[service.name]]
            services[service.name] = {"vip": vip, "mode": service.endpoint_mode, "endpoints": endpoints}
    return {"network": (proxy.networks or ("",))[0], "subnet": None, "real": None, "services": services}


def _endpoint(service: Service, made: Recipe, address: str, port: int) -> dict[str, Any]:
    exposed = [str(number) for number in made.expose] or ["*"]
    return {"address": address, "host": "127.0.0.1", "ports": dict.fromkeys(exposed, port), "task": ""}
