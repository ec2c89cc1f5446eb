"""`stack deploy`: a compose file's networks and services, made or changed (cli/command/stack/)."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from emulator.cli.docker import compose, service, servicespec, servicewords, tasks
from emulator.cli.docker.pflag import BadFlag, Words, parse
from emulator.cli.docker.verb import Refused
from emulator.cli.docker.verb import said as said_of
from emulator.client import Engine, EngineError

Object = dict[str, Any]

LABEL = "com.docker.stack.namespace"
IMAGE = "com.docker.stack.image"
NO_YAML = (
    "stack deploy: compose files are YAML, which Python alone does not read:"
    " pip install 'swarm-emulator[stack]', or use Docker's own client with DOCKER_HOST=unix://{}"
)
BACKGROUND = """Since --detach=false was not specified, tasks will be created in the background.
In a future release, --detach=false will become the default."""
ELSEWHERE = (
    "is declared as external, but could not be found. You need to create a swarm-scoped network"
    " before the stack is deployed"
)
PARTS = ("version", "name", "services", "networks", "volumes", "secrets", "configs")


def deploy(engine: Engine, words: Words) -> int:
    files = words.get("compose-file", [])
    if not files:
        raise Refused("Specify a Compose file (with --compose-file)")
    file, folder = _read(engine, files[0]), str(Path(files[0]).absolute().parent)
    if len(files) > 1:
        raise Refused("stack deploy: not emulated: more than one compose file")
    stack = words.rest[0]
    space = compose.Namespace(stack, file)
    wanted = {name: _words(name, one, space, folder) for name, one in (file.get("services") or {}).items()}
    if "detach" not in words:
        print(BACKGROUND, file=sys.stderr)
    there = {one["Spec"]["Name"]: one for one in engine.get("/services", **_of(stack))}
    if words.get("prune"):
        _pruned(engine, there, {f"{stack}_{name}" for name in wanted})
    _networks(engine, space, file)
    made = []
    for name, said in wanted.items():
        spec = _spec(engine, stack, said, compose.health_test(file["services"][name]))
        made.append(_service(engine, f"{stack}_{name}", spec, there))
    if not words.get("detach", True):
        for identity in made:
            service.converged(engine, identity, words)
    return 0


def _of(stack: str) -> dict[str, str]:
    return tasks.asked({"label": {f"{LABEL}={stack}": True}})


def _read(engine: Engine, path: str) -> Object:
    try:
        yaml = import_module("yaml")
    except ImportError:
        raise Refused(NO_YAML.format(engine.path)) from None
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
        found = yaml.safe_load(text)
    except OSError as error:
        raise Refused(f"open {path}: {(error.strerror or str(error)).lower()}") from None
    except yaml.YAMLError as error:
        raise Refused(f"yaml: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise Refused("top-level object must be a mapping")
    for key in found:
        if key not in PARTS and not str(key).startswith("x-"):
            raise Refused(f"(root) Additional property {key} is not allowed")
    if found.get("secrets") or found.get("configs"):
        raise Refused("stack deploy: not emulated: this swarm keeps no configs, secrets or credentials")
    filled: Object = compose.filled(found, os.environ.get)
    return filled


def _words(name: str, said: Object, space: compose.Namespace, folder: str) -> Words:
    try:
        return parse(compose.flags(name, said, space, folder), servicewords.CREATE, interspersed=False)
    except BadFlag as error:
        raise Refused(f"services.{name}: {error}") from None


def _pruned(engine: Engine, there: dict[str, Object], wanted: set[str]) -> None:
    for name in sorted(set(there) - wanted):
        print(f"Removing service {name}", file=sys.stderr)
        engine.delete(f"/services/{there.pop(name)['ID']}")


def _networks(engine: Engine, space: compose.Namespace, file: Object) -> None:
    """Those that services are in: what is from elsewhere must be there, and what is not is made."""
    used = {name for one in file["services"].values() for name in one.get("networks") or ["default"]}
    known = {one["Name"] for one in engine.get("/networks")}
    for name in sorted(used):
        said, full = space.networks.get(name) or {}, space.of("network", name)
        if name != "default" and name not in space.networks:
            raise Refused(f'undefined network "{name}"')
        if said.get("external") and full not in known:
            raise Refused(f'network "{full}" {ELSEWHERE}')
        if full not in known and not said.get("external"):
            print(f"Creating network {full}")
            engine.post("/networks/create", {"Name": full} | _network(space.stack, said))


def _network(stack: str, said: Object) -> Object:
    pools = (said.get("ipam") or {}).get("config") or ()
    return {
        "Driver": said.get("driver") or "overlay",
        "Attachable": bool(said.get("attachable")),
        "Internal": bool(said.get("internal")),
        "Labels": servicespec.pairs(compose.pairs(said.get("labels"))) | {LABEL: stack},
        "Options": {name: str(value) for name, value in (said.get("driver_opts") or {}).items()},
        "IPAM": {"Config": [{"Subnet": one["subnet"]} for one in pools if "subnet" in one]},
    }


def _spec(engine: Engine, stack: str, said: Words, test: list[str] | None) -> Object:
    spec = servicespec.spec(engine, said)
    container = spec["TaskTemplate"]["ContainerSpec"]
    spec["Labels"] |= {IMAGE: said.rest[0], LABEL: stack}
    container["Labels"] = container.get("Labels", {}) | {LABEL: stack}
    if test:
        container["Healthcheck"]["Test"] = test
    _plain(spec["TaskTemplate"], container, "init" in said)
    return spec


def _plain(template: Object, container: Object, init_said: bool) -> None:
    """Without what the flags add and the conversion of a compose file does not, and with what that adds."""
    if not init_said:
        del container["Init"]
    if not container["DNSConfig"]:
        del container["DNSConfig"]
    container["Privileges"] = {"CredentialSpec": None, "SELinuxContext": None}
    template["Resources"] = {name: said for name, said in template["Resources"].items() if said}
    for mount in container.get("Mounts", ()):
        if mount.get("VolumeOptions", {}).get("DriverConfig") == {}:
            del mount["VolumeOptions"]["DriverConfig"]


def _service(engine: Engine, name: str, spec: Object, there: dict[str, Object]) -> str:
    spec["Name"] = name
    if name not in there:
        print(f"Creating service {name}", flush=True)
        try:
            return str(engine.post("/services/create", spec)["ID"])
        except EngineError as error:
            raise Refused(f"failed to create service {name}: {said_of(error)}") from None
    found = there[name]
    print(f"Updating service {name} (id: {found['ID']})", flush=True)
    spec["TaskTemplate"]["ForceUpdate"] = found["Spec"]["TaskTemplate"].get("ForceUpdate", 0)
    asked = service.without_digest(engine, spec["TaskTemplate"]["ContainerSpec"]["Image"])
    try:
        service.ordered(engine, found, spec)
    except EngineError as error:
        raise Refused(f"failed to update service {name}: {said_of(error)}") from None
    service.warn(asked)
    return str(found["ID"])
