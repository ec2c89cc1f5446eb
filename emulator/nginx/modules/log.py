"""ngx_http_log_module: the access log."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.modules.core import refuse_unresolved
from emulator.nginx.rows import HSL, LI, ONE_FOUR, H, X, row, uses_variables
from emulator.nginx.syslog import Syslog, parse_syslog
from emulator.nginx.values import milliseconds, number, seconds, size, variables_in

MODULE = "ngx_http_log_module"

COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent"'
)


class LogFormat(NamedTuple):
    """A named format; `escape` is default, json or none."""

    name: str
    escape: str
    format: str


class AccessLog(NamedTuple):
    """One `access_log`: sizes in bytes, `flush` in milliseconds, `condition` the text after `if=`."""

    path: str
    format: str = "combined"
    buffer: int = 0
    flush: int = 0
    gzip: int = 0
    condition: str | None = None
    syslog: Syslog | None = None


def place_log_format(block: Block, args: tuple[str, ...]) -> LogFormat:
    """As ngx_http_log_set_format and ngx_http_log_compile_format."""
    name, parts, escape = args[0], args[1:], "default"
    if name in block.state.log_formats or name == "combined":
        raise BadValue(f'duplicate "log_format" name "{name}"')
    block.state.log_formats.add(name)
    if parts[0].startswith("escape="):
        escape, parts = parts[0][len("escape=") :], parts[1:]
        if escape not in ("default", "json", "none"):
            raise BadValue(f'unknown log format escaping "{escape}"')
    for part in parts:
        _note_variables(block, part)
    return LogFormat(name, escape, "".join(parts))


def _note_variables(block: Block, part: str) -> None:
    # a log format has no captures: $1 is a variable of that name, and no such one exists
    try:
        names = variables_in(part.replace("$1", "$_1")) if "$" in part else ()
    except BadValue as error:
        raise BadValue(f'invalid parameter "{part}"' if "name" in str(error) else str(error)) from None
    block.state.used.update((name.removeprefix("_") if name == "_1" else name, None) for name in names)


def place_access_log(block: Block, args: tuple[str, ...]) -> AccessLog | None:
    """As ngx_http_log_set_log; None stands for `off`."""
    path = args[0]
    if path == "off":
        if len(args) > 1:
            raise BadValue(f'invalid parameter "{args[1]}"')
        return None
    syslog = None
    if path.startswith("syslog:"):
        syslog = parse_syslog(path)
        refuse_unresolved(block, syslog)
    else:
        uses_variables(block, path)
    name = args[1] if len(args) > 1 else "combined"
    if name not in block.state.log_formats and name != "combined":
        raise BadValue(f'unknown log format "{name}"')
    found: dict[str, int] = {}
    condition: str | None = None
    for arg in args[2:]:
        if arg.startswith("if="):
            condition = arg[3:]
            uses_variables(block, condition)
        else:
            _option(found, arg)
    buffer, flush = found.get("buffer", 0), found.get("flush", 0)
    if flush and not buffer:
        raise BadValue(f'no buffer is defined for access_log "{path}"')
    if buffer and "$" in path and syslog is None:
        raise BadValue("buffered logs cannot have variables in name")
    if buffer and syslog:
        raise BadValue("logs to syslog cannot be buffered")
    log = AccessLog(path, name, buffer, flush, found.get("gzip", 0), condition, syslog)
    if buffer:
        shape = (buffer, flush, log.gzip)
        if block.state.zones.setdefault(f"access_log {path}", shape) != shape:
            raise BadValue(f'access_log "{path}" already defined with conflicting parameters')
    return log


def _option(found: dict[str, int], arg: str) -> None:
    name, equals, text = arg.partition("=")
    if name == "buffer" and equals:
        length = size(text)
        if not length:
            raise BadValue(f'invalid buffer size "{text}"')
        found["buffer"] = length
    elif name == "flush" and equals:
        flush = milliseconds(text)
        if not flush:
            raise BadValue(f'invalid flush time "{text}"')
        found["flush"] = flush
    elif name == "gzip" and (equals or arg == "gzip"):
        level = number(text) if equals else 1
        if level is None or not 1 <= level <= 9:
            raise BadValue(f'invalid compression level "{text}"')
        found["gzip"] = level
        found.setdefault("buffer", 64 * 1024)
    else:
        raise BadValue(f'invalid parameter "{arg}"')


class OpenLogFileCache(NamedTuple):
    """How many logs with variable names are kept open, and for how many seconds: unused, and at all."""

    max: int
    inactive: int = 10
    valid: int = 60


def as_open_log_file_cache(args: tuple[str, ...]) -> OpenLogFileCache | None:
    """As ngx_http_log_open_file_cache; what is used but once is kept here, too."""
    limits = {"max": number, "inactive": seconds, "min_uses": number, "valid": seconds}
    found: dict[str, int] = {}
    for arg in args:
        name, equals, text = arg.partition("=")
        if arg == "off":
            continue
        value = limits[name](text) if equals and name in limits else None
        if not value:
            raise BadValue(f'invalid "open_log_file_cache" parameter "{arg}"')
        found[name] = value
    if args == ("off",):
        return None
    if "max" not in found:
        raise BadValue('"open_log_file_cache" must have "max" parameter')
    found.pop("min_uses", None)
    return OpenLogFileCache(**found)


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("log_format", H, None, "A named form of a log line.", ()),
        at_least=2,
        check=place_log_format,
        repeat=True,
    ),
    row(
        *("access_log", HSL | LI | X, None, "Where requests are logged, how, and under which condition."),
        (AccessLog("/var/log/nginx/access.log"),),
        check=place_access_log,
        repeat=True,
    ),
    row(
        *("open_log_file_cache", HSL, ONE_FOUR, "Keep logs with variable names open."),
        parse=as_open_log_file_cache,
    ),
)
