"""The two sides of a row, put up and checked: what gives a figure for each, and what refuses to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import memory, openloop, scenes, servers, starts, wrk
from benchmarks.answers import Answer, Refused, agree, ask, check
from benchmarks.scenes import Make, Scene

Measure = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often is measured, and how many connections are left idle."""

    seconds: float = 2.0
    rounds: int = 7
    idle: int = 10_000
    context: bool = True


@dataclass(frozen=True, slots=True)
class Sides:
    """One measure for each side, and others that are shown beside them; `verify` raises Refused."""

    ours: Measure
    theirs: Measure
    verify: Callable[[], None] = lambda: None
    context: Mapping[str, Measure] = field(default_factory=dict)
    note: Callable[[], str] = lambda: ""


Setup = Callable[[ExitStack, Effort], Sides]


@dataclass(slots=True)
class Served:
    """A scene on one server; `sizes` are the shortest and the longest of its right answers."""

    name: str
    scene: Scene
    port: int
    process: int = 0
    sizes: tuple[int, int] = (0, 0)

    def verify(self) -> Answer:
        """Ask twice as often as there are bodies, so that each replica has its turn; the last answer."""
        answers = [self._asked() for _ in range(2 * len(self.scene.bodies))]
        sizes = [answer.size for answer in answers]
        self.sizes = min(sizes), max(sizes)
        return answers[-1]

    def _asked(self) -> Answer:
        try:
            answer = ask(self.port, self.scene.request)
            check(answer, self.scene.bodies)
        except Refused as refusal:
            raise Refused(f"{self.name}: {refusal}") from None
        return answer

    def rate(self, seconds: float) -> float:
        """Requests a second by wrk, every one of them answered right."""
        sums = wrk.drive(self.port, self.scene.request, self.scene.connections, seconds)
        try:
            wrk.check(sums, self.sizes, self.scene.connections)
        except Refused as refusal:
            raise Refused(f"{self.name}: {refusal}") from None
        return sums.rate

    def latency(self, rate: float, seconds: float) -> openloop.Latency:
        """Percentiles at a rate that this server does not choose."""
        request = self.scene.request.head(self.port).decode("latin-1")
        try:
            return openloop.run(openloop.Job(self.port, request, self.sizes, rate, seconds))
        except Refused as refusal:
            raise Refused(f"{self.name}: {refusal}") from None


def workplace(stack: ExitStack) -> Path:
    """A folder that workers of another user may enter."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
    folder.chmod(0o755)
    return folder


def ours(stack: ExitStack, folder: Path, scene: Scene) -> Served:
    port, process = stack.enter_context(servers.nginx(servers.OURS, folder, scene.conf))
    return Served("emulator", scene, port, process)


def theirs(stack: ExitStack, folder: Path, scene: Scene) -> Served:
    port, process = stack.enter_context(servers.nginx(servers.real_nginx(), folder, scene.conf))
    return Served("nginx", scene, port, process)


def verifier(mine: Served, other: Served) -> Callable[[], None]:
    """Each answers as the scene says, and both with the same fields."""
    return lambda: agree(mine.verify(), other.verify())


def pair(stack: ExitStack, folder: Path, scene: Scene) -> tuple[Served, Served]:
    return ours(stack, folder / "emulator", scene), theirs(stack, folder / "nginx", scene)


def throughput(make: Make, scale: float = 1.0) -> Setup:
    """As many answers as there can be; `scale` turns a request into what the row counts."""

    def setup(stack: ExitStack, effort: Effort) -> Sides:
        folder = workplace(stack)
        scene = make(stack, folder)
        mine, other = pair(stack, folder, scene)
        context = _balanced(stack, folder, scene, effort, scale)
        return Sides(
            lambda: scale * mine.rate(effort.seconds),
            lambda: scale * other.rate(effort.seconds),
            verifier(mine, other),
            context,
        )

    return setup


def _balanced(
    stack: ExitStack, folder: Path, scene: Scene, effort: Effort, scale: float
) -> Mapping[str, Measure]:
    """haproxy before the same backend, where the scene has a configuration for it and the machine has it."""
    if scene.haproxy is None or not effort.context or servers.haproxy() is None:
        return {}
    try:
        served = Served(
            "haproxy", scene, stack.enter_context(servers.balancer(scene.haproxy, folder / "haproxy"))
        )
        served.verify()
    except Refused:
        return {}
    return {"haproxy": lambda: scale * served.rate(effort.seconds)}


def tail(make: Make) -> Setup:
    """The 99th percentile at half of what nginx can do, for both the same rate."""

    def setup(stack: ExitStack, effort: Effort) -> Sides:
        folder = workplace(stack)
        scene = make(stack, folder)
        endless = scene.conf.replace("keepalive_timeout  65;", "keepalive_requests  1000000000;")
        mine, other = pair(stack, folder, replace(scene, conf=endless))
        verify = verifier(mine, other)
        verify()
        rate = median(other.rate(effort.seconds) for _ in range(3)) / 2
        seen: list[openloop.Latency] = []

        def p99(served: Served) -> float:
            # a machine that stalls for 20 ms within one look decides a whole percentile of it
            looks = [served.latency(rate, effort.seconds / 2) for _ in range(3)]
            seen.extend(looks)
            return median(latency.p99 for latency in looks)

        def note() -> str:
            late = median(latency.late for latency in seen)
            return f"at {rate:.0f} requests/s, the generator itself {late:.2f} ms late (p99)"

        return Sides(lambda: p99(mine), lambda: p99(other), verify, note=note)

    return setup


def idle(stack: ExitStack, effort: Effort) -> Sides:
    """A server of its own for each figure: memory that one round gave back would flatter the next."""
    memory.need_descriptors(effort.idle)
    folder = workplace(stack)
    scene = scenes.small(stack, folder)
    roomy = scene.conf.replace("worker_connections  1024;", f"worker_connections  {effort.idle + 200};")
    roomy = roomy.replace("keepalive_timeout  65;", "keepalive_timeout  1h;")

    def measure(serve: Callable[[ExitStack, Path, Scene], Served]) -> float:
        with ExitStack() as once:
            served = serve(once, workplace(once) / "server", replace(scene, conf=roomy))
            return memory.per_connection(
                served.process, served.port, scene.request, scene.bodies, effort.idle
            )

    return Sides(lambda: measure(ours), lambda: measure(theirs))


def growth(stack: ExitStack, effort: Effort) -> Sides:
    """Ours with many locations against ours with few."""
    folder = workplace(stack)
    many = ours(stack, folder / "many", scenes.locations(1000)(stack, folder))
    few = ours(stack, folder / "few", scenes.locations(10)(stack, folder))
    return Sides(lambda: many.rate(effort.seconds), lambda: few.rate(effort.seconds), verifier(many, few))


def workers(stack: ExitStack, effort: Effort) -> Sides:
    """What a second worker brings: two workers' rate over one's."""
    folder = workplace(stack)
    single = scenes.small(stack, folder)
    double = replace(single, conf=single.conf.replace("worker_processes  1;", "worker_processes  2;"))
    assert double != single
    mine, other = pair(stack, folder / "single", single)
    mine2, other2 = pair(stack, folder / "double", double)

    def verify() -> None:
        verifier(mine, other)()
        verifier(mine2, other2)()

    return Sides(
        lambda: mine2.rate(effort.seconds) / mine.rate(effort.seconds),
        lambda: other2.rate(effort.seconds) / other.rate(effort.seconds),
        verify,
    )


def ready(stack: ExitStack, effort: Effort) -> Sides:
    """Three replicas have answered through the proxy; one gunicorn by itself has."""
    folder, port = starts.published(workplace(stack) / "project")
    alone = servers.free_port()
    return Sides(
        lambda: starts.until(port, 3, [*starts.EMULATOR], folder),
        lambda: starts.until(alone, 1, starts.bare(alone), folder / "webapp"),
    )


def verb(stack: ExitStack, effort: Effort) -> Sides:
    """The article's configuration is tested, while Python imports the library of the command line."""
    folder = workplace(stack)
    conf = scenes.framed(scenes.article_conf("http://127.0.0.1:8000/", folder))
    file = starts.written(folder, conf)
    test = [str(servers.BIN / "emulator"), "nginx", "-t", "-c", str(file)]
    return Sides(
        lambda: starts.wall(test, "syntax is ok"),
        lambda: starts.wall([sys.executable, "-c", "import click"]),
    )
