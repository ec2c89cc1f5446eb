"""`service`: create, inspect, logs, ls, ps, rm, rollback, scale, update."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from emulator.cli.docker import servicelogs, servicewords, tasks
from emulator.cli.docker.formats import Row, Sheet, inspected, listed
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.units import familiar, names_an_image, natural, short
from emulator.cli.docker.verb import (
    DETACH,
    FILTER,
    FORMAT,
    INSPECT_FORMAT,
    NO_PROGRESS,
    NONE,
    ONE,
    QUIET,
    SOME,
    Refused,
    Verb,
    each,
    path_of,
    said,
)
from emulator.client import Engine, EngineError

Object = dict[str, Any]

HEADS = {
    "ID": "ID",
    "Name": "NAME",
    "Mode": "MODE",
    "Replicas": "REPLICAS",
    "Image": "IMAGE",
    "Ports": "PORTS",
}
SHEET = Sheet("\t".join(f"{{{{.{name}}}}}" for name in HEADS), HEADS, "*service.serviceContext")
OOM_IS_YOUNGER = '"--oom-score-adj" requires API version 1.46, but the Docker daemon API version is 1.41'
NO_DIGEST = """image {0} could not be accessed on a registry to record
its digest. Each node will access {0} independently,
possibly leading to different nodes running different
versions of the image.
"""


def list_services(engine: Engine, words: Words) -> int:
    return show(engine, words, tasks.filters(words))


def show(engine: Engine, words: Words, filters: dict[str, dict[str, bool]]) -> int:
    """Print the services to which some conditions apply."""
    found = engine.get("/services", status="true", **tasks.asked(filters))
    found.sort(key=lambda one: natural(one["Spec"]["Name"]))
    return listed(SHEET, [_row(one) for one in found], words.get("format"), words.get("quiet", False))


def _row(found: Object) -> Row:
    spec, status = found["Spec"], found.get("ServiceStatus") or {}
    mode = next(iter(spec["Mode"]))
    most = (spec["TaskTemplate"].get("Placement") or {}).get("MaxReplicas")
    replicas = f"{status.get('RunningTasks', 0)}/{status.get('DesiredTasks', 0)}"
    return {
        "ID": short(found["ID"]),
        "Name": spec["Name"],
        "Mode": mode.lower() if not mode.endswith("Job") else f"{mode[:-3].lower()} job",
        "Replicas": f"{replicas} (max {most} per node)" if most else replicas,
        "Image": familiar(spec["TaskTemplate"]["ContainerSpec"]["Image"]),
        "Ports": ", ".join(ports((found.get("Endpoint") or {}).get("Ports") or [])),
    }


def ports(found: list[Object]) -> Iterator[str]:
    """What is published in the ingress network; neighbours as a range."""
    shown = [port for port in found if port.get("PublishMode", "ingress") == "ingress"]
    shown.sort(key=lambda port: (port.get("PublishedPort", 0), port.get("Protocol", "")))
    runs: list[list[Object]] = []
    for port in shown:
        last = runs[-1][-1] if runs else None
        if (
            last
            and all(last[key] + 1 == port[key] for key in ("PublishedPort", "TargetPort"))
            and last["Protocol"] == port["Protocol"]
        ):
            runs[-1].append(port)
        else:
            runs.append([port])
    for run in runs:
        yield f"*:{_span(run, 'PublishedPort')}->{_span(run, 'TargetPort')}/{run[0].get('Protocol', 'tcp')}"


def _span(run: list[Object], key: str) -> str:
    first, last = run[0].get(key, 0), run[-1].get(key, 0)
    return str(first) if first == last else f"{first}-{last}"


def list_tasks(engine: Engine, words: Words) -> int:
    """The tasks of the services that are there; then the names of those that are not."""
    found, missing = {}, []
    for name in words.rest:
        one = _looked_up(engine, name)
        if one is None:
            missing.append(f"no such service: {name}")
        else:
            found[one] = True
    if found:
        listed_tasks = engine.get("/tasks", **tasks.asked(tasks.filters(words) | {"service": found}))
        tasks.show(engine, listed_tasks, words)
    if missing:
        raise Refused("\n".join(missing))
    return 0


def _looked_up(engine: Engine, name: str) -> str | None:
    """A service by its name, its ID or the beginning of one."""
    found = engine.get("/services", **tasks.asked({"id": {name: True}}))
    named = engine.get("/services", **tasks.asked({"name": {name: True}}))
    exact = [one["ID"] for one in named if one["Spec"]["Name"] == name]
    return str((exact or [one["ID"] for one in found])[0]) if exact or len(found) == 1 else None


def inspect(engine: Engine, words: Words) -> int:
    """As inspect.Inspect: what is there is printed, then the first that is not."""
    found, refused = [], None
    for name in words.rest:
        try:
            found.append(engine.get(path_of("service", name), insertDefaults="true"))
        except (EngineError, Refused) as error:
            missing = getattr(error, "status", None) == 404
            refused = refused or (f"Error: no such service: {name}" if missing else said(error))
            if not missing:
                break
    if words.get("pretty"):
        if "format" in words:
            raise Refused("--format is incompatible with human friendly format")
        from emulator.cli.docker.servicepretty import pretty

        for one in found:
            print(pretty(one, _network_names(engine, one)))
    elif found or not words.get("format"):
        inspected(found, words.get("format"), "swarm.Service")
    if refused:
        raise Refused(refused)
    return 0


def _network_names(engine: Engine, found: Object) -> list[str]:
    targets = [one["Target"] for one in found["Spec"]["TaskTemplate"].get("Networks") or ()]
    return [str(engine.get(f"/networks/{target}")["Name"]) for target in targets]


def create(engine: Engine, words: Words) -> int:
    from emulator.cli.docker.servicespec import spec

    refuse_unknown(words)
    wanted = spec(engine, words)
    image = wanted["TaskTemplate"]["ContainerSpec"]["Image"]
    asked = [] if words.get("no-resolve-image") else without_digest(engine, image)
    answer = engine.post("/services/create", wanted)
    warn([*(answer.get("Warnings") or ()), *asked])
    print(answer["ID"], flush=True)
    return converged(engine, answer["ID"], words)


def refuse_unknown(words: Words) -> None:
    if "oom-score-adj" in words:
        raise Refused(OOM_IS_YOUNGER)
    for flag in servicewords.NOT_EMULATED:
        noun = flag.removesuffix("-add")
        if noun in ("secret", "config") and flag in words:
            raise Refused(f"{noun} not found: {_source(words.get(flag)[0])}")
        if flag in words:
            raise Refused(f"--{flag}: not emulated: this swarm keeps no configs, secrets or credentials")


def _source(text: str) -> str:
    """The name in a value of --secret or --config, as opts.SecretOpt reads it."""
    pairs = dict(part.partition("=")[::2] for part in text.split(","))
    return pairs.get("source") or pairs.get("src") or text


def without_digest(engine: Engine, image: str) -> list[str]:
    """Ask for the image's digest, as the client does; the warning where no registry knows it."""
    if "@" in image or not names_an_image(image):
        return []
    try:
        engine.get(f"/distribution/{quote(image)}/json")
    except EngineError as error:
        if error.status not in (400, 404, 500, 501):
            raise
        return [NO_DIGEST.format(image)]
    return []


def warn(lines: Iterable[str]) -> None:
    """Print what was to be said of an order once it has been taken."""
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def converged(engine: Engine, service: str, words: Words) -> int:
    """Wait for a service unless the words say otherwise."""
    if not words.get("detach"):
        from emulator.cli.docker.progress import Progress

        Progress(engine, service, words.get("quiet", False)).wait()
    return 0


def update(engine: Engine, words: Words) -> int:
    from emulator.cli.docker.serviceupdate import updated

    refuse_unknown(words)
    name = words.rest[0]
    found = engine.get(path_of("service", name), insertDefaults="false")
    if words.get("rollback"):
        if [flag for flag in words.values if flag not in ("rollback", "detach", "quiet")]:
            raise Refused("other flags may not be combined with --rollback")
        return rolled_back(engine, found, name, words)
    wanted = updated(engine, found["Spec"], words)
    asked = []
    if "image" in words and not words.get("no-resolve-image"):
        asked = without_digest(engine, wanted["TaskTemplate"]["ContainerSpec"]["Image"])
    ordered(engine, found, wanted, registryAuthFrom="spec")
    warn(asked)
    print(name, flush=True)
    return converged(engine, name, words)


def ordered(engine: Engine, found: Object, wanted: Object, **query: str) -> None:
    version = str(found["Version"]["Index"])
    answer = engine.post(f"/services/{found['ID']}/update", wanted, version=version, **query)
    warn((answer or {}).get("Warnings") or ())


def rollback(engine: Engine, words: Words) -> int:
    found = engine.get(path_of("service", words.rest[0]), insertDefaults="false")
    return rolled_back(engine, found, words.rest[0], words)


def rolled_back(engine: Engine, found: Object, name: str, words: Words) -> int:
    ordered(engine, found, found["Spec"], rollback="previous")
    print(name, flush=True)
    return converged(engine, name, words)


def scale(engine: Engine, words: Words) -> int:
    """Order all of them, then wait for each."""
    wanted = [_scaled(text) for text in words.rest]
    refusals, done = [], []
    for name, replicas in wanted:
        try:
            number = _replicas(replicas)
            _order(engine, name, number)
            done.append(name)
            print(f"{name} scaled to {number}", flush=True)
        except Refused as refusal:
            refusals.append(f"{name}: {refusal}")
        except EngineError as error:
            refusals.append(f"{name}: {said(error)}")
    for name in done:
        converged(engine, name, words)
    if refusals:
        raise Refused("\n".join(refusals))
    return 0


def _scaled(text: str) -> tuple[str, str]:
    name, equals, replicas = text.partition("=")
    if not equals or not name or not replicas:
        raise Refused(
            f"invalid scale specifier '{text}'.\nSee 'docker service scale --help'.\n\n"
            "Usage:  docker service scale SERVICE=REPLICAS [SERVICE=REPLICAS...]\n\n"
            "Scale one or multiple replicated services"
        )
    return name, replicas


def _replicas(text: str) -> int:
    from emulator.cli.docker.kinds import unsigned

    try:
        return unsigned(text)
    except ValueError as error:
        raise Refused(f"invalid replicas value {text}: {error}") from None


def _order(engine: Engine, name: str, replicas: int) -> None:
    found = engine.get(path_of("service", name), insertDefaults="false")
    if "Replicated" not in found["Spec"]["Mode"]:
        raise Refused("scale can only be used with replicated or replicated-job mode")
    found["Spec"]["Mode"]["Replicated"]["Replicas"] = replicas
    ordered(engine, found, found["Spec"])


def remove(engine: Engine, words: Words) -> int:
    return each(words.rest, lambda name: engine.delete(path_of("service", name)))


VERBS = (
    Verb(
        "service create",
        "IMAGE [COMMAND] [ARG...]",
        "Run an image as a service",
        create,
        SOME,
        servicewords.CREATE,
        False,
    ),
    Verb(
        "service inspect",
        "SERVICE [SERVICE...]",
        "Print all that is known of services",
        inspect,
        SOME,
        (INSPECT_FORMAT, Flag("pretty", "", "bool", "For people, not for programs")),
    ),
    Verb(
        "service logs",
        "SERVICE|TASK",
        "Print what the tasks of a service have written",
        servicelogs.logs,
        ONE,
        servicelogs.FLAGS,
    ),
    Verb("service ls", "", "List the services", list_services, NONE, (FILTER, FORMAT, QUIET)),
    Verb("service ps", "SERVICE [SERVICE...]", "List the tasks of services", list_tasks, SOME, tasks.FLAGS),
    Verb("service rm", "SERVICE [SERVICE...]", "Remove services and their tasks", remove, SOME),
    Verb(
        "service rollback",
        "SERVICE",
        "Go back to what it was before the last update",
        rollback,
        ONE,
        (DETACH, NO_PROGRESS),
    ),
    Verb(
        "service scale",
        "SERVICE=REPLICAS [SERVICE=REPLICAS...]",
        "Set the number of tasks",
        scale,
        SOME,
        (DETACH,),
    ),
    Verb("service update", "SERVICE", "Change a service", update, ONE, servicewords.UPDATE),
)
