"""ngx_core_module, ngx_errlog_module, ngx_events_module and their like: the main and events contexts."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.address import parse_network
from emulator.nginx.directives import BadValue, Block, Complaint, Context, Directive
from emulator.nginx.rows import (
    HSL,
    LI,
    NO_EFFECT,
    NONE,
    NOT_YET,
    ONE,
    ONE_TWO,
    SI,
    E,
    M,
    U,
    X,
    flag,
    milliseconds,
    number,
    row,
    string,
)
from emulator.nginx.syslog import Syslog, parse_syslog
from emulator.nginx.values import as_offset, one_of
from emulator.nginx.values import number as as_number
from emulator.nginx.values import size as as_size

MODULE = "ngx_core_module"

_MEMORY_HEAD = 2048 + 51  # NGX_MAX_ERROR_STR and what precedes the log in memory

LEVELS = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
_DEBUG = (
    "debug_core",
    "debug_alloc",
    "debug_mutex",
    "debug_event",
    "debug_http",
    "debug_mail",
    "debug_stream",
)


class ErrorLog(NamedTuple):
    """Where errors go: a path, `stderr`, `syslog:…` or `memory:…`; and from which level on."""

    target: str
    level: str = "error"
    syslog: Syslog | None = None


def place_error_log(block: Block, args: tuple[str, ...]) -> ErrorLog:
    """As ngx_log_set_log: where errors go, then the levels."""
    target = args[0]
    if target.startswith("memory:"):
        _check_memory(target, block.state.at.file)
    syslog = None
    if target.startswith("syslog:"):
        syslog = parse_syslog(target)
        refuse_unresolved(block, syslog)
    return ErrorLog(target, _level(args[1:]), syslog)


def refuse_unresolved(block: Block, syslog: Syslog) -> None:
    """A log server given by name must have an address."""
    server, resolve = syslog.server, block.state.resolve
    if resolve is not None and not server.literal and not resolve(server.host):
        raise BadValue(f'host not found in syslog server "{syslog.text}"')


def _level(levels: tuple[str, ...]) -> str:
    """As ngx_log_set_levels; any debug_… level means debug."""
    seen = ""
    for level in levels:
        known = level if level in LEVELS else "debug" if level in _DEBUG else ""
        if not known:
            raise BadValue(f'invalid log level "{level}"')
        if seen and level not in _DEBUG:
            raise BadValue(f'duplicate log level "{level}"')
        seen = level
    return "debug" if seen in _DEBUG else seen or "error"


def _check_memory(target: str, file: str) -> None:
    text = target.removeprefix("memory:")
    if (as_size(text) or 0) < _MEMORY_HEAD + len(file):
        raise BadValue(f'invalid buffer size "{text}"')


def as_worker_processes(args: tuple[str, ...]) -> int | str:
    """A count, or `auto`: as many as there are cores."""
    if args[0] == "auto":
        return "auto"
    count = as_number(args[0])
    if count is None:
        raise Complaint("invalid value")
    return count


def as_priority(args: tuple[str, ...]) -> int:
    text = args[0]
    value = as_number(text[1:] if text[:1] in ("+", "-") else text)
    if value is None:
        raise Complaint("invalid number")
    return -value if text.startswith("-") else value


def as_affinity(args: tuple[str, ...]) -> tuple[str, ...]:
    """As ngx_set_cpu_affinity: bit masks, or `auto` with at most one mask."""
    masks = args
    if args[0] == "auto":
        if len(args) > 2:
            raise BadValue('invalid number of arguments in "worker_cpu_affinity" directive')
        masks = args[1:]
    for mask in masks:
        if len(mask) > 1024:
            raise BadValue('"worker_cpu_affinity" supports up to 1024 CPUs only')
        wrong = [sign for sign in mask if sign not in "01 "]
        if wrong:
            raise BadValue(f'invalid character "{wrong[-1]}" in "worker_cpu_affinity"')
    return args


def place_thread_pool(block: Block, args: tuple[str, ...]) -> tuple[str, ...]:
    """As ngx_thread_pool: a name of its own, and how many threads."""
    threads = 0
    for arg in args[1:]:
        name, _, text = arg.partition("=")
        value = as_number(text)
        if (name == "threads" and not value) or (name == "max_queue" and value is None):
            raise BadValue(f'invalid {name} value "{arg}"')
        threads = (value or 0) if name == "threads" else threads
    earlier = [other[0] for other in block.values.get("thread_pool", ())]
    if args[0] in earlier:
        raise BadValue(f'duplicate thread pool "{args[0]}"')
    if not threads:
        raise BadValue('"thread_pool" must have "threads" parameter')
    return args


def place_debug_connection(block: Block, text: str) -> str:
    """As ngx_event_debug_connection: a network, a host name, or unix:."""
    if text == "unix:":
        return text
    network = parse_network(text)
    resolve = block.state.resolve
    if network is None and resolve is not None and not resolve(text):
        raise BadValue(f'host not found in debug_connection "{text}"')
    if network is not None and network.low_bits:
        block.state.warn(f"low address bits of {text} are meaningless")
    return text


def as_event_method(block: Block, value: str) -> str:
    """As ngx_event_use: nginx for Linux has epoll; the emulator uses what the system has."""
    if value != "epoll":
        raise BadValue(f'invalid event type "{value}"')
    return value


DIRECTIVES: tuple[Directive, ...] = (
    flag("daemon", M, "Run in the background; the emulator always stays in front.", False, NO_EFFECT),
    flag("master_process", M, "Start worker processes under a master.", True),
    milliseconds("timer_resolution", M, "How often the clock is read.", None, NO_EFFECT),
    string("pid", M, "The file that holds the master's process id.", "/run/nginx.pid"),
    string("lock_file", M, "The lock file's prefix, where locks are files.", None, NO_EFFECT),
    row(
        "worker_processes",
        M,
        ONE,
        "How many workers serve; auto: as many as there are cores.",
        1,
        parse=as_worker_processes,
    ),
    row(
        "debug_points",
        M,
        ONE,
        "What to do at an internal error.",
        None,
        NO_EFFECT,
        parse=one_of("stop", "abort"),
    ),
    row(
        "user",
        M,
        ONE_TWO,
        "Whose rights workers have; here they keep their starter's.",
        None,
        NO_EFFECT,
    ),
    row("worker_priority", M, ONE, "The workers' niceness.", 0, NO_EFFECT, parse=as_priority),
    row(
        "worker_cpu_affinity", M, None, "Which processors workers run on.", None, NO_EFFECT, parse=as_affinity
    ),
    number("worker_rlimit_nofile", M, "How many descriptors a worker may open.", None, NO_EFFECT),
    row(
        "worker_rlimit_core",
        M,
        ONE,
        "How large a worker's core file may be.",
        None,
        NO_EFFECT,
        parse=as_offset,
    ),
    milliseconds("worker_shutdown_timeout", M, "How long a worker may take to finish after QUIT."),
    string("working_directory", M, "The workers' working folder.", None),
    row("env", M, ONE, "Environment variables that workers keep.", (), NO_EFFECT, repeat=True),
    row(
        "load_module",
        M,
        ONE,
        "Load a dynamic module.",
        (),
        NOT_YET,
        repeat=True,
        why="there are no binary modules to load",
    ),
    row(
        "error_log",
        M,
        None,
        "Where errors are written, and from which level on.",
        (),
        check=place_error_log,
        repeat=True,
    ),
    row(
        "include",
        M | E | HSL | U | SI | LI | X,
        ONE,
        "The directives of other files, in this place.",
        repeat=True,
    ),
    row("ssl_engine", M, ONE, "A hardware engine for TLS.", None, NOT_YET, why="there is no engine to use"),
    flag("ssl_object_cache_inheritable", M, "Keep certificates across a reload.", True, NO_EFFECT),
    flag("pcre_jit", M, "Compile regular expressions to machine code.", False, NO_EFFECT),
    row(
        *("thread_pool", M, frozenset((2, 3)), "Threads for reading files.", (), NO_EFFECT),
        check=place_thread_pool,
        repeat=True,
    ),
    row("events", M, NONE, "How connections are handled.", None, block=Context.EVENTS),
    number("worker_connections", E, "How many connections a worker has at most.", 512),
    row("use", E, ONE, "The method of waiting for events.", None, NO_EFFECT, check=as_event_method),
    flag("multi_accept", E, "Accept all new connections at once.", False, NO_EFFECT),
    flag("accept_mutex", E, "Workers accept in turn.", False, NO_EFFECT),
    milliseconds("accept_mutex_delay", E, "How long a worker waits for its turn.", 500, NO_EFFECT),
    row(
        *("debug_connection", E, ONE, "Debug log for some clients.", (), NO_EFFECT),
        check=place_debug_connection,
        repeat=True,
    ),
    number("epoll_events", E, "How many events one wait may bring.", 512, NO_EFFECT),
    number("worker_aio_requests", E, "How many asynchronous reads a worker has at most.", 32, NO_EFFECT),
)
