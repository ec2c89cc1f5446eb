"""The floors of ARCHITECTURE.md as a test: who imports whom, who touches the world, how long is long."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "emulator").rglob("*.py"))
}

# Room or module -> what it may import besides itself. The longest name that fits a module counts.
MAY = {
    "emulator": "",
    "emulator.http1": "",
    "emulator.namespace": "",
    "emulator.livetable": "",
    "emulator.ready": "",
    "emulator.client": "",
    "emulator.settings": "",
    "emulator.tasknamespace": "namespace livetable",
    "emulator.nginx": "http1 namespace tasknamespace ready",
    "emulator.swarm": "settings livetable tasknamespace",
    "emulator.container": "settings livetable swarm",
    "emulator.api": "settings swarm",
    "emulator.procfile": "settings swarm container tasknamespace",
    "emulator.engine": "settings swarm container api nginx procfile",
    "emulator.pytest_plugin": "client settings",
    "emulator.cli": "client settings nginx",
    "emulator.cli.start": "settings engine",
    "emulator.cli.down": "settings engine",
    "emulator.cli.procfile": "settings container procfile",
    "emulator.cli.proxy": "settings nginx procfile",
    "emulator.__main__": "cli",
}

# The shells: only these touch sockets, processes, clocks and chance. All others decide.
SHELLS = {
    "emulator.namespace",
    "emulator.tasknamespace",
    "emulator.ready",
    "emulator.client",
    "emulator.pytest_plugin",
    "emulator.engine",
    "emulator.cli.background",
    "emulator.cli.docker.progress",
    "emulator.cli.docker.stats",
    "emulator.api.asking",
    "emulator.api.server",
    "emulator.api.streams",
    "emulator.api.logstreams",
    "emulator.api.verbs",
    "emulator.container.busy",
    "emulator.container.guardian",
    "emulator.container.probe",
    "emulator.container.process",
    "emulator.container.ps",
    "emulator.container.usage",
    "emulator.swarm.claims",
    "emulator.swarm.balancer",
    "emulator.swarm.drain",
    "emulator.swarm.mesh",
    "emulator.swarm.loop",
    "emulator.swarm.networks",
    "emulator.nginx.conditions",
    "emulator.nginx.connection",
    "emulator.nginx.event",
    "emulator.nginx.greeting",
    "emulator.nginx.lingering",
    "emulator.nginx.log",
    "emulator.nginx.logserver",
    "emulator.nginx.master",
    "emulator.nginx.output",
    "emulator.nginx.resolver",
    "emulator.nginx.request",
    "emulator.nginx.sockets",
    "emulator.nginx.upstreamsocket",
    "emulator.nginx.getters",
    "emulator.nginx.worker",
}
WORLD = {"asyncio", "aiohttp", "socket", "select", "selectors", "subprocess", "multiprocessing", "threading"}
CHANCE = {"random", "secrets"}
CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep"}

LONGEST_FILE = 400
LONGEST_FUNCTION = 80
# Tables are as long as what they list.
TABLES = {"emulator.nginx.mime"}
BANNED = {"util", "utils", "helpers", "common", "manager", "base", "misc"}


@cache
def tree(module):
    return ast.parse(MODULES[module].read_text())


def imports(module, nodes):
    """The names of modules that some statements import, resolved to what exists in this package."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            origin = ".".join(filter(None, (above, node.module)))
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield inner if inner in MODULES else origin


def run_time(node):
    """The nodes below one, without what only the type checker sees."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield child
            yield from run_time(child)


def at_import(node):
    """The nodes that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield child
            yield from at_import(child)


def fits(module, names):
    return any(module == name or module.startswith(name + ".") for name in names)


def room(module):
    return max((name for name in MAY if fits(module, [name])), key=len)


@pytest.mark.parametrize("module", MODULES)
def test_a_room_imports_only_from_its_own_floor_and_below(module):
    home = room(module)
    own = ".".join(home.split(".")[:2])
    allowed = [f"emulator.{name}" for name in MAY[home].split()] + ([own] if own != "emulator" else [])
    for name in imports(module, run_time(tree(module))):
        if name.startswith("emulator."):
            assert fits(name, allowed), f"{module} imports {name}"


def touched(module):
    """What a module takes from the world: rooms of the standard library, and readings of a clock."""
    nodes = list(run_time(tree(module)))
    yield from (WORLD | CHANCE) & {name.partition(".")[0] for name in imports(module, nodes)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS and ast.unparse(node.value) == "time":
            yield ast.unparse(node)


@pytest.mark.parametrize("module", [name for name in MODULES if not fits(name, SHELLS)])
def test_what_decides_touches_neither_sockets_nor_processes_nor_clocks(module):
    assert not set(touched(module))


def test_every_shell_is_one():
    named = {shell: [module for module in MODULES if fits(module, [shell])] for shell in SHELLS}
    assert not [shell for shell, modules in named.items() if not any(set(touched(m)) for m in modules)]


def test_no_two_modules_import_each_other_in_a_circle():
    edges = {
        module: set(imports(module, at_import(tree(module)))) & MODULES.keys() - {module}
        for module in MODULES
    }
    while free := [module for module, needs in edges.items() if not needs & edges.keys()]:
        for module in free:
            del edges[module]
    assert not edges


@pytest.mark.parametrize("module", MODULES)
def test_files_and_functions_stay_short_enough_to_be_read(module):
    lines = len(MODULES[module].read_text().splitlines())
    assert lines < LONGEST_FILE or module in TABLES
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, node.name


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_named_by_what_it_decides_and_says_so(module):
    assert module.rpartition(".")[2] not in BANNED
    assert ast.get_docstring(tree(module))


# What is tested together with what stands on it.
BESIDE = {"__main__": "cli", "pytest_plugin": "plugin", "namespace": "tasknamespace",
          "livetable": "tasknamespace", "ready": "tasknamespace"}  # fmt: skip


def test_every_room_has_its_tests():
    rooms = {module.split(".")[1] for module in MODULES if module.count(".")}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests").iterdir()}
    assert not {room for room in rooms if BESIDE.get(room, room) not in tests}
