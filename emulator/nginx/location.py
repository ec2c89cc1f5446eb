"""One location with everything merged: what nginx's loc_conf structures hold, as plain attributes."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from emulator.nginx import rewrite, static
from emulator.nginx.bodyfiles import Folder, compile_body_files
from emulator.nginx.conf import ENCODING
from emulator.nginx.filters import HeaderFilter, compile_filters
from emulator.nginx.headers import compile_trailers
from emulator.nginx.logconf import compile_access_logs
from emulator.nginx.openfiles import PLAIN, Files, compile_files
from emulator.nginx.phases import compile_phases
from emulator.nginx.proxyconf import compile_proxy
from emulator.nginx.request import DECLINED, Handler, Request
from emulator.nginx.variables import Template, compile_template

if TYPE_CHECKING:
    from emulator.nginx.compile import HttpConf, Tree
    from emulator.nginx.directives import Block
    from emulator.nginx.logregistry import ErrorLogs
    from emulator.nginx.modules.location import Location as Match
    from emulator.nginx.proxy import Proxy
    from emulator.nginx.referer import Valid
    from emulator.nginx.upstream import Group


class ErrorPage:
    """An error_page for one status; `overwrite` -1 keeps the error's status, 0 takes the page's."""

    __slots__ = ("overwrite", "uri")

    def __init__(self, overwrite: int, uri: Template) -> None:
        self.overwrite = overwrite
        self.uri = uri


class Location:
    """Merged settings and compiled handlers; one for each location, and one for each server's own level."""

    __slots__ = (
        "_alias",
        "_default_type",
        "_match_length",
        "_root",
        "_types",
        "absolute_redirect",
        "access_logs",
        "auto_redirect",
        "body_files",
        "body_folder",
        "chunked_transfer_encoding",
        "client_body_buffer_size",
        "client_body_timeout",
        "content_type",
        "error_logs",
        "error_pages",
        "etag",
        "exact",
        "files",
        "filter_head",
        "handlers",
        "if_modified_since",
        "internal",
        "keepalive_header",
        "keepalive_min_timeout",
        "keepalive_requests",
        "keepalive_time",
        "keepalive_timeout",
        "limit_rate_after",
        "lingering_close",
        "lingering_time",
        "lingering_timeout",
        "log_not_found",
        "log_subrequest",
        "max_body_size",
        "max_ranges",
        "msie_padding_for_chrome",
        "name",
        "no_regex",
        "only_files",
        "plain_head",
        "port_in_redirect",
        "proxy",
        "recursive_error_pages",
        "referers",
        "reset_timedout_connection",
        "send_timeout",
        "server_name_in_redirect",
        "server_tokens",
        "trailers",
        "tree",
    )

    def __init__(self, block: Block, what: Match | None) -> None:
        get = block.inherited
        self.name = what.name.encode(*ENCODING) if what is not None else b""
        self.exact = what is not None and what.modifier == "="
        self.no_regex = what is not None and what.modifier == "^~"
        self.tree: Tree | None = None
        self.handlers: tuple[Handler, ...] = ()
        self.proxy: Proxy | None = None
        self.auto_redirect = False
        self.access_logs: tuple[Callable[[Request], None], ...] = ()
        self.error_logs: ErrorLogs = ()
        self.filter_head: HeaderFilter | None = None
        self.trailers: HeaderFilter | None = None
        self.referers: Valid | None = None
        self.internal: bool = bool(block.values.get("internal", False))
        self.max_body_size: int = get("client_max_body_size")
        self.client_body_buffer_size: int = get("client_body_buffer_size")
        self.body_folder: Folder | None = get("client_body_temp_path")
        self.body_files = compile_body_files(block)
        self.client_body_timeout = get("client_body_timeout") / 1000
        self.send_timeout = get("send_timeout") / 1000
        keepalive = get("keepalive_timeout")
        self.keepalive_timeout = keepalive.timeout / 1000
        self.keepalive_header = b"Keep-Alive: timeout=%d\r\n" % keepalive.header if keepalive.header else b""
        self.keepalive_min_timeout = min(get("keepalive_min_timeout") / 1000, self.keepalive_timeout)
        self.keepalive_requests: int = get("keepalive_requests")
        self.keepalive_time = get("keepalive_time") / 1000
        self.lingering_close: str = get("lingering_close")
        self.lingering_time = get("lingering_time") / 1000
        self.lingering_timeout = get("lingering_timeout") / 1000
        self.reset_timedout_connection: bool = get("reset_timedout_connection")
        self.absolute_redirect: bool = get("absolute_redirect")
        self.server_name_in_redirect: bool = get("server_name_in_redirect")
        self.port_in_redirect: bool = get("port_in_redirect")
        self.recursive_error_pages: bool = get("recursive_error_pages")
        self.server_tokens: bool = get("server_tokens") != "off"
        self.chunked_transfer_encoding: bool = get("chunked_transfer_encoding")
        self.etag: bool = get("etag")
        self.limit_rate_after: Callable[[Request], int] | None = None
        self.if_modified_since: str = get("if_modified_since")
        self.max_ranges: int | None = get("max_ranges")
        self.log_not_found: bool = get("log_not_found")
        self.log_subrequest: bool = get("log_subrequest")
        self.msie_padding_for_chrome = bool(get("msie_padding"))
        self._types: dict[bytes, bytes] = {
            ext.encode(*ENCODING): kind.encode(*ENCODING) for ext, kind in get("types").items()
        }
        self._default_type = get("default_type").encode(*ENCODING) or None
        self.content_type = lru_cache(1024)(self._content_type)
        self._root: Template = lambda r: b""
        self._alias: Template | None = None
        self._match_length: int | None = len(self.name)
        self.error_pages: dict[int, ErrorPage] | None = None
        self.files: Files = PLAIN
        self.plain_head = False  # an answer's head goes out as it is
        self.only_files = False  # nothing but the file decides what is answered

    def copy(self) -> Location:
        return copy.copy(self)

    def set_files(self, block: Block, what: Match | None, prefix: str, own: frozenset[str]) -> None:
        """Where the location's files are: `alias` of its own, or the `root` that holds here."""
        for around in block.around():
            if "alias" in around.values:
                self._alias = compile_template(_absolute(around.values["alias"], prefix), own)
                outer: Match = around.value
                self._match_length = None if outer.pattern is not None else len(outer.name.encode(*ENCODING))
                return
            if "root" in around.values:
                break
        self._root = compile_template(_absolute(block.inherited("root").removesuffix("/"), prefix), own)

    def path_of(self, r: Request, name: bytes) -> str:
        """The file that a name under this location's root or alias stands for (try_files)."""
        return ((self._root if self._alias is None else self._alias)(r) + name).decode(*ENCODING)

    def under_alias(self, r: Request, name: bytes) -> bytes:
        """A name that begins with the location's part of the URI, without it where an alias replaces it."""
        if (
            self._alias is not None
            and self._match_length
            and r.path[: self._match_length] == name[: self._match_length]
        ):
            return name[self._match_length :]
        return name

    def enter_file(self, r: Request, name: bytes, folder: bool) -> None:
        """Make the file that try_files found the request's URI."""
        if self._alias is None:
            r.path = name
        elif self._match_length is not None:
            r.path = r.path[: self._match_length] + name
        elif not folder:
            r.path = name
            r.ctx = {**(r.ctx or {}), "add_uri_to_alias": True}

    def map_path(self, r: Request) -> str:
        """The file of the request's URI, in the container's terms (ngx_http_map_uri_to_path)."""
        if self._alias is None:
            return (self._root(r) + r.path).decode(*ENCODING)
        if self._match_length is None:
            added = r.path if r.ctx is not None and "add_uri_to_alias" in r.ctx else b""
            return (self._alias(r) + added).decode(*ENCODING)
        return (self._alias(r) + r.path[self._match_length :]).decode(*ENCODING)

    def document_root(self, r: Request) -> bytes:
        return self._root(r) if self._alias is None else self._alias(r)

    def _content_type(self, path: bytes) -> bytes | None:
        """By the extension of a URI's last part (ngx_http_set_content_type)."""
        dot = path.rfind(b".")
        if dot > 1 and path[dot - 1 : dot] != b"/" and path.find(b"/", dot) < 0:
            extension = path[dot + 1 :]
            found = self._types.get(extension) or self._types.get(extension.lower())
            if found is not None:
                return found
        return self._default_type

    def __repr__(self) -> str:
        return f"<Location {self.name.decode(*ENCODING)!r}>"


def _absolute(path: str, prefix: str) -> str:
    return path if path.startswith(("/", "$")) else os.path.join(prefix, path)  # noqa: PTH118


def compile_location(block: Block, groups: dict[str, Group], conf: HttpConf, what: Match | None) -> Location:
    """Merge and compile one location, or a server's own level (`what` None)."""
    location = _merged(block, conf, what)
    location.proxy = compile_proxy(block, block, groups, conf, what)
    rewriting: tuple[Handler, ...] = ()
    if what is not None:
        rewriting = rewrite_handlers(block, lambda inner: _compile_inner(inner, block, groups, conf, what))
        limits = next(block.blocks("limit_except"), None)
        if limits is not None:
            limited = _compile_inner(limits, block, groups, conf, what)
            rewriting = (_limit_except(limits.value, limited, rewriting),)
    location.handlers = (*rewriting, *_phases(location, block, block))
    location.only_files = (
        location.plain_head
        and location.files is PLAIN
        and len(location.handlers) == 2
        and location.handlers[1] is static.static
    )
    return location


def _compile_inner(
    block: Block, outer: Block, groups: dict[str, Group], conf: HttpConf, what: Match
) -> Location:
    """The settings of an `if` or a limit_except in a location, which passes requests where the location does.

    Its first handler only stands where the location has the one that leads here.
    """
    location = _merged(block, conf, what)
    passing = block if "proxy_pass" in block.values else outer
    location.proxy = compile_proxy(passing, block, groups, conf, what)
    content = outer if block.node.name == "if" else block
    location.handlers = (lambda r: DECLINED, *_phases(location, block, content))
    return location


def _limit_except(methods: frozenset[str], limited: Location, rewriting: tuple[Handler, ...]) -> Handler:
    """Other methods than those named leave the location before its rewrite phase, as in
    ngx_http_update_location_config."""
    allowed = frozenset(method.encode(*ENCODING) for method in methods)

    def handler(r: Request) -> int:
        if r.method in allowed:
            return rewriting[0](r) if rewriting else DECLINED
        r.location = limited
        return DECLINED

    return handler


def _merged(block: Block, conf: HttpConf, what: Match | None) -> Location:
    own = frozenset(block.state.variables)
    location = Location(block, what)
    location.set_files(block, what, conf.prefix, own)
    location.files = compile_files(block, own)
    location.error_pages = _error_pages(block, own)
    location.error_logs = conf.registry.error_logs(block)
    location.access_logs = compile_access_logs(block, conf.registry, own)
    location.filter_head = compile_filters(block, own)
    location.plain_head = location.filter_head is None and location.server_tokens
    location.trailers = compile_trailers(block, own)
    if block.given("limit_rate_after", "0") != "0":
        from emulator.nginx.pace import compile_size

        location.limit_rate_after = compile_size(block.given("limit_rate_after"), own)
    if block.given("valid_referers"):
        from emulator.nginx.referer import Valid

        location.referers = Valid(block, conf.namespace.hostname)
    return location


def _phases(location: Location, block: Block, content: Block) -> tuple[Handler, ...]:
    """The handlers after the rewrite phase; `content` is the block whose content handler counts."""
    own = frozenset(block.state.variables)
    handlers: list[Handler] = [*compile_phases(block, own)]
    if "try_files" in block.values:
        handlers.append(_try_files(block, own))
    if location.proxy is not None:
        handlers.append(location.proxy.handler)
        location.auto_redirect = True
    elif "stub_status" in content.values:
        from emulator.nginx.stub_status import stub_status

        handlers.append(stub_status)
    else:
        handlers.append(static.index(_index(block, own)))
        if block.given("autoindex"):
            from emulator.nginx.autoindex import compile_autoindex

            handlers.append(compile_autoindex(block))
        if block.given("gzip_static", "off") != "off":
            from emulator.nginx.gzip_static import compile_gzip_static

            handlers.append(compile_gzip_static(block))
        handlers.append(static.static)
    return tuple(handlers)


def rewrite_handlers(
    block: Block, location_of: rewrite.LocationOf = lambda block: None
) -> tuple[Handler, ...]:
    """The rewrite phase of a block: its own directives, never inherited."""
    handler = rewrite.compile_rewrite(block, frozenset(block.state.variables), location_of)
    return () if handler is None else (handler,)


def _try_files(block: Block, own: frozenset[str]) -> Handler:
    value = block.values["try_files"]
    files = tuple(
        static.Candidate(compile_template(name.removesuffix("/"), own), name.endswith("/"), "$" in name)
        for name in value.files
    )
    status = value.code if value.uri.startswith("=") else None
    last = static.Candidate(compile_template(value.uri, own), False, "$" in value.uri)
    return static.try_files(files, last, status)


def _index(block: Block, own: frozenset[str]) -> tuple[Template, ...]:
    names = block.inherited("index") or ("index.html",)
    flat = [name for entry in names for name in ((entry,) if isinstance(entry, str) else entry)]
    return tuple(compile_template(name, own) for name in flat)


def _error_pages(block: Block, own: frozenset[str]) -> dict[int, ErrorPage] | None:
    pages: dict[int, ErrorPage] = {}
    for page in block.inherited("error_page"):
        overwrite = -1 if page.overwrite is None else page.overwrite
        compiled = ErrorPage(overwrite, compile_template(page.uri, own))
        for code in page.codes:
            pages.setdefault(code, compiled)
    return pages or None
