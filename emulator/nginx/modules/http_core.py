"""ngx_http_core_module but for `server`, `listen` and `location`, which have modules of their own."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.address import Address, BadAddress, parse_address
from emulator.nginx.conf import Node
from emulator.nginx.directives import BadValue, Block, Complaint, Context, Directive
from emulator.nginx.modules.core import place_error_log
from emulator.nginx.rows import (
    HS,
    HSL,
    LI,
    NO_EFFECT,
    NONE,
    NOT_YET,
    ONE,
    ONE_FOUR,
    ONE_TWO,
    H,
    buffers,
    enum,
    flag,
    mask,
    milliseconds,
    number,
    offset,
    row,
    seconds,
    size,
    string,
    text,
    uses_variables,
)
from emulator.nginx.values import as_path
from emulator.nginx.values import milliseconds as as_milliseconds
from emulator.nginx.values import number as as_number
from emulator.nginx.values import offset as as_offset
from emulator.nginx.values import seconds as as_seconds
from emulator.nginx.values import size as as_size

MODULE = "ngx_http_core_module"

_POOL = 112  # NGX_MIN_POOL_SIZE of a 64-bit nginx
_ALIGNMENT = 16

BUILT_IN_TYPES = {"html": "text/html", "gif": "image/gif", "jpg": "image/jpeg"}


class KeepaliveTimeout(NamedTuple):
    """`timeout` in milliseconds; `header` in seconds is what the Keep-Alive header says, None: no header."""

    timeout: int
    header: int | None = None


class Resolver(NamedTuple):
    """Name servers, and for how many seconds their answers hold (None: as they say)."""

    servers: tuple[Address, ...]
    valid: int | None = None
    ipv4: bool = True
    ipv6: bool = True


class OpenFileCache(NamedTuple):
    """How many files are remembered, and for how many seconds without use; `max` 0 means off."""

    max: int
    inactive: int = 60


def as_keepalive_timeout(args: tuple[str, ...]) -> KeepaliveTimeout:
    timeout = as_milliseconds(args[0])
    header = as_seconds(args[1]) if len(args) > 1 else None
    if timeout is None or (len(args) > 1 and header is None):
        raise Complaint("invalid value")
    return KeepaliveTimeout(timeout, header)


def as_pool_size(args: tuple[str, ...]) -> int:
    """As ngx_http_core_pool_size."""
    value = as_size(args[0])
    if value is None:
        raise Complaint("invalid value")
    if value < _POOL:
        raise BadValue(f"the pool size must be no less than {_POOL}")
    if value % _ALIGNMENT:
        raise BadValue(f"the pool size must be a multiple of {_ALIGNMENT}")
    return value


def place_resolver(block: Block, args: tuple[str, ...]) -> Resolver:
    """As ngx_resolver_create; a name server given by name must have an address."""
    servers: list[Address] = []
    options: dict[str, str] = {}
    for arg in args:
        name, equals, value = arg.partition("=")
        if equals and name in ("valid", "ipv4", "ipv6"):
            if as_seconds(value) is None if name == "valid" else value not in ("on", "off"):
                raise BadValue(f"invalid parameter: {arg}")
            options[name] = value
            continue
        try:
            server = parse_address(arg, default_port=53)
        except BadAddress as error:
            raise BadValue(f'{error} in resolver "{arg}"') from None
        resolve = block.state.resolve
        if resolve is not None and not server.literal and not resolve(server.host):
            raise BadValue(f'host not found in resolver "{arg}"')
        servers.append(server)
    if options.get("ipv4") == options.get("ipv6") == "off":
        raise BadValue('"ipv4" and "ipv6" cannot both be "off"')
    if not servers:
        raise BadValue("no name servers defined")
    valid = as_seconds(options["valid"]) if "valid" in options else None
    return Resolver(tuple(servers), valid, options.get("ipv4") != "off", options.get("ipv6") != "off")


def as_open_file_cache(args: tuple[str, ...]) -> OpenFileCache:
    """As ngx_http_core_open_file_cache: a plain `off` wins over what came before it."""
    most, inactive = -1, 60
    for arg in args:
        name, _, value = arg.partition("=")
        found = as_number(value) if name == "max" else as_seconds(value) if name == "inactive" else None
        if arg == "off":
            most = 0
        elif name == "max" and found:
            most = found
        elif name == "inactive" and found is not None:
            inactive = found
        else:
            raise BadValue(f'invalid "open_file_cache" parameter "{arg}"')
    if most < 0:
        raise BadValue('"open_file_cache" must have the "max" parameter')
    return OpenFileCache(most, inactive)


def as_directio(args: tuple[str, ...]) -> int | None:
    value = None if args[0] == "off" else as_offset(args[0])
    if value is None and args[0] != "off":
        raise Complaint("invalid value")
    return value


def place_aio(block: Block, value: str) -> str:
    """As ngx_http_core_set_aio; reading files never blocks here for long, so nothing comes of it."""
    if value not in ("on", "off", "threads") and not value.startswith("threads="):
        raise Complaint("invalid value")
    uses_variables(block, value)
    return value


class DisableSymlinks(NamedTuple):
    """`mode` is off, on or if_not_owner; a path that begins with `trusted` is only checked behind that."""

    mode: str
    trusted: str = ""


def place_disable_symlinks(block: Block, args: tuple[str, ...]) -> DisableSymlinks:
    """As ngx_http_disable_symlinks."""
    mode, trusted = "", None
    for arg in args:
        if arg in ("off", "on", "if_not_owner") and not mode:
            mode = arg
        elif arg.startswith("from=") and trusted is None:
            trusted = arg.removeprefix("from=")
            uses_variables(block, trusted)
        elif arg in ("off", "on", "if_not_owner") or arg.startswith("from="):
            raise BadValue(f'duplicate parameters "{" ".join(args)}"')
        else:
            raise BadValue(f'invalid parameter "{arg}"')
    if not mode:
        raise BadValue('"disable_symlinks" must have "off", "on" or "if_not_owner" parameter')
    if mode == "off" and len(args) == 2:
        raise BadValue('"from=" cannot be used with "off" parameter')
    return DisableSymlinks(mode, trusted or "")


def place_rate(block: Block, value: str) -> str:
    """As ngx_http_set_complex_value_size_slot: a size, unless variables will tell."""
    uses_variables(block, value)
    if "$" not in value and as_size(value) is None:
        raise Complaint("invalid value")
    return value


def read_type(block: Block, node: Node) -> None:
    """A line of `types`, as ngx_http_core_type: a content type and its extensions; the last one counts."""
    if node.name == "include":
        raise BadValue('invalid number of arguments in "include" directive')
    assert block.parent is not None
    known: dict[str, str] = block.parent.values.setdefault("types", {})
    for arg in node.args:
        extension = arg.lower()
        if extension in known:
            block.state.warn(
                f'duplicate extension "{extension}", content type: "{node.name}", '
                f'previous content type: "{known[extension]}"'
            )
        known[extension] = node.name


def keep_types(block: Block) -> None:
    """Even an empty `types {}` replaces what is built in."""
    assert block.parent is not None
    block.parent.values.setdefault("types", {})


def ignore_send_lowat(block: Block, value: int) -> int:
    block.state.warn('"send_lowat" is not supported, ignored')
    return value


def merge(block: Block) -> None:
    """ngx_http_core_merge_srv_conf's one complaint."""
    if block.context is Context.SERVER:
        large = block.inherited("large_client_header_buffers")
        if large[1] < block.inherited("connection_pool_size"):
            raise BadValue(
                'the "large_client_header_buffers" size must be equal to or greater than '
                '"connection_pool_size"'
            )


DIRECTIVES: tuple[Directive, ...] = (
    number("variables_hash_max_size", H, "A table's size.", 1024, NO_EFFECT),
    number("variables_hash_bucket_size", H, "A table's size.", 64, NO_EFFECT),
    number("server_names_hash_max_size", H, "A table's size.", 512, NO_EFFECT),
    number("server_names_hash_bucket_size", H, "A table's size.", 64, NO_EFFECT),
    row("connection_pool_size", HS, ONE, "Memory per connection.", 512, NO_EFFECT, parse=as_pool_size),
    row("request_pool_size", HS, ONE, "Memory per request.", 4096, NO_EFFECT, parse=as_pool_size),
    milliseconds("client_header_timeout", HS, "How long a client may take to send a request's head.", 60000),
    size("client_header_buffer_size", HS, "The first buffer for a request's head.", 1024),
    buffers("large_client_header_buffers", HS, "Buffers for long request lines and fields.", (4, 8192)),
    number("max_headers", HS, "How many header fields a request may have.", 1000),
    flag("ignore_invalid_headers", HS, "Drop fields whose names have unusual characters.", True),
    flag("merge_slashes", HS, "Take several slashes in a URI as one.", True),
    flag("underscores_in_headers", HS, "Allow underscores in the names of fields.", False),
    number("types_hash_max_size", HSL, "A table's size.", 1024, NO_EFFECT),
    number("types_hash_bucket_size", HSL, "A table's size.", 64, NO_EFFECT),
    row(
        *("types", HSL, NONE, "Content types by file name extension.", BUILT_IN_TYPES),
        block=Context.TYPES,
        line=read_type,
        finish=keep_types,
        once=False,
    ),
    string("default_type", HSL, "The content type of files without a known extension.", "text/plain"),
    offset("client_max_body_size", HSL, "The largest request body; 0 allows any.", 1024**2),
    size("client_body_buffer_size", HSL, "How much of a request body is kept in memory.", 8192),
    milliseconds("client_body_timeout", HSL, "How long a client may pause between parts of its body.", 60000),
    row(
        *("client_body_temp_path", HSL, ONE_FOUR, "Where bodies in files are stored."),
        parse=as_path,
    ),
    enum(
        *("client_body_in_file_only", HSL, ("off", "on", "clean")),
        *("Keep every request body in a file.", "off"),
    ),
    flag("client_body_in_single_buffer", HSL, "Keep a request body in one piece.", False, NO_EFFECT),
    flag("sendfile", HSL | LI, "Let the kernel copy files; used wherever it pays.", False, NO_EFFECT),
    size("sendfile_max_chunk", HSL, "How much one call may copy.", 2 * 1024**2, NO_EFFECT),
    size("subrequest_output_buffer_size", HSL, "A buffer for subrequests.", 4096, NO_EFFECT),
    row("aio", HSL, ONE, "Read files asynchronously.", "off", NO_EFFECT, check=place_aio),
    flag("aio_write", HSL, "Write files asynchronously.", False, NO_EFFECT),
    size("read_ahead", HSL, "How much the kernel reads ahead.", 0, NO_EFFECT),
    row("directio", HSL, ONE, "Read large files past the cache.", None, NO_EFFECT, parse=as_directio),
    offset("directio_alignment", HSL, "The alignment for direct reading.", 512, NO_EFFECT),
    flag("tcp_nopush", HSL, "Send full packets only.", False, NO_EFFECT),
    flag("tcp_nodelay", HSL, "Send small packets at once; always so here.", True, NO_EFFECT),
    milliseconds("send_timeout", HSL, "How long a client may take nothing of an answer.", 60000),
    size("send_lowat", HSL, "The low mark of a send buffer.", 0, NO_EFFECT, check=ignore_send_lowat),
    size("postpone_output", HSL, "Wait for this much before sending.", 1460, NO_EFFECT),
    buffers("output_buffers", HSL, "Buffers for reading files.", (2, 32768), NO_EFFECT),
    row("limit_rate", HSL | LI, ONE, "Bytes a second for an answer.", "0", check=place_rate),
    row("limit_rate_after", HSL | LI, ONE, "Bytes before the rate holds.", "0", check=place_rate),
    milliseconds("keepalive_time", HSL, "How long a connection may be used at all.", 3600000),
    row(
        *("keepalive_timeout", HSL, ONE_TWO, "How long an idle connection stays open; 0 closes at once."),
        KeepaliveTimeout(75000),
        parse=as_keepalive_timeout,
    ),
    milliseconds("keepalive_min_timeout", HSL, "How long an idle one stays open at least.", 0),
    number("keepalive_requests", HSL, "How many requests one connection may bring.", 1000),
    mask(
        *("keepalive_disable", HSL, ("none", "msie6", "safari"), "Browsers whose connections are closed."),
        *(frozenset(("msie6",)), NO_EFFECT),
        arity=ONE_TWO,
    ),
    enum("satisfy", HSL, ("all", "any"), "Whether all access rules must agree, or one.", "all"),
    milliseconds("auth_delay", HSL, "How long a 401 is held back.", 0),
    enum("lingering_close", HSL, ("off", "on", "always"), "Read on before closing a connection.", "on"),
    milliseconds("lingering_time", HSL, "How long to read on at most.", 30000),
    milliseconds("lingering_timeout", HSL, "How long to wait for more while reading on.", 5000),
    flag("reset_timedout_connection", HSL, "Reset connections that timed out.", False),
    flag("absolute_redirect", HSL, "Redirects name scheme and host.", True),
    flag("server_name_in_redirect", HSL, "Redirects name the server's first name.", False),
    flag("port_in_redirect", HSL, "Redirects name the port.", True),
    flag("msie_padding", HSL, "Lengthen error pages for old browsers.", True, NO_EFFECT),
    flag("msie_refresh", HSL, "Refresh instead of redirect for old browsers.", False, NO_EFFECT),
    flag("log_not_found", HSL, "Log files that are not found.", True),
    flag("log_subrequest", HSL, "Log subrequests.", False),
    flag("recursive_error_pages", HSL, "An error page may have an error page.", False),
    enum("server_tokens", HSL, ("off", "on", "build"), "Whether answers tell nginx's version.", "on"),
    enum("if_modified_since", HSL, ("off", "exact", "before"), "How dates are compared.", "exact"),
    number("max_ranges", HSL, "How many ranges a request may ask for.", None),
    flag("chunked_transfer_encoding", HSL, "Allow chunked answers.", True),
    flag("etag", HSL, "Send an ETag with files.", True),
    text("early_hints", HSL, "When to pass early hints on.", (), arity=None, repeat=True),
    row(
        "post_action",
        HSL | LI,
        ONE,
        "A request made after each request.",
        None,
        NOT_YET,
        why="it is undocumented and has no place in an emulator",
    ),
    row(
        *("error_log", HSL, None, "Where errors are written, and from which level on.", ()),
        check=place_error_log,
        repeat=True,
    ),
    row(
        *("open_file_cache", HSL, ONE_TWO, "Remember open files.", OpenFileCache(0)),
        parse=as_open_file_cache,
    ),
    seconds("open_file_cache_valid", HSL, "How long what is remembered holds.", 60),
    number("open_file_cache_min_uses", HSL, "Uses before a file is kept open.", 1),
    flag("open_file_cache_errors", HSL, "Remember errors too.", False),
    flag("open_file_cache_events", HSL, "Watch the remembered files.", False, NO_EFFECT),
    row(
        *("resolver", HSL, None, "Name servers; 127.0.0.11 knows the names of the task's own network."),
        check=place_resolver,
    ),
    milliseconds("resolver_timeout", HSL, "How long resolving may take.", 30000),
    row(
        *("disable_symlinks", HSL, ONE_TWO, "Refuse files behind symbolic links."),
        check=place_disable_symlinks,
    ),
)
