"""A checked configuration -> what serves: listeners, servers and locations all merged and compiled.

All that depends on the configuration alone is decided here, once; a location's `handlers` are the
phases that it really has.
"""

from __future__ import annotations

import bisect
import itertools
import os
import re
from typing import TYPE_CHECKING, Any

from emulator.http1.parse import HeaderRules
from emulator.nginx.bodyfiles import Folder, body_temp
from emulator.nginx.conf import ENCODING
from emulator.nginx.listener import Listener
from emulator.nginx.location import Location, compile_location, rewrite_handlers
from emulator.nginx.logregistry import LogRegistry
from emulator.nginx.map import Computed, compile_maps
from emulator.nginx.modules.listen import NAMELESS
from emulator.nginx.phases import compile_post_read
from emulator.nginx.request import Handler, Request
from emulator.nginx.shared import Shared
from emulator.nginx.upstreamconf import compile_groups, names_of
from emulator.nginx.uri import escape_uri

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.directives import Block
    from emulator.nginx.log import LogFile
    from emulator.nginx.modules.listen import Listen, ServerName
    from emulator.nginx.tlsserver import TlsServer
    from emulator.nginx.upstream import Group
    from emulator.nginx.upstream_names import Names


_MOST_PATHS = 1024  # whose location a server remembers


class Tree:
    """The locations of one level, found in nginx's order (ngx_http_core_find_location)."""

    __slots__ = ("exact", "names", "parents", "prefixes", "regexes")

    def __init__(self) -> None:
        self.exact: dict[bytes, Location] = {}
        self.names: list[bytes] = []
        self.prefixes: list[Location] = []
        self.parents: list[int] = []
        self.regexes: list[tuple[re.Pattern[bytes], Location]] = []

    def seal(self, prefixes: list[tuple[bytes, Location]]) -> None:
        """Sort the prefixes and link each to the longest other one that it begins with."""
        prefixes.sort(key=lambda entry: entry[0])
        self.names = [name for name, _ in prefixes]
        self.prefixes = [location for _, location in prefixes]
        for i, name in enumerate(self.names):
            at = i - 1
            while at >= 0 and not name.startswith(self.names[at]):
                at = self.parents[at]
            self.parents.append(at)

    def find(self, path: bytes) -> tuple[Location | None, re.Match[bytes] | None]:
        location = self.exact.get(path)
        if location is not None:
            return location, None
        names = self.names
        at = bisect.bisect_right(names, path) - 1
        while at >= 0 and not path.startswith(names[at]):
            at = self.parents[at]
        best: Location | None = None
        if at >= 0:
            best = self.prefixes[at]
            if best.tree is not None:
                nested, match = best.tree.find(path)
                if nested is not None:
                    if match is not None or nested.exact:
                        return nested, match
                    best = nested
            if self.prefixes[at].no_regex:
                return best, None
        for pattern, location in self.regexes:
            match = pattern.search(path)
            if match is not None:
                if location.tree is not None:
                    nested, inner = location.tree.find(path)
                    if nested is not None:
                        return nested, inner or match
                return location, match
        return best, None


class Server:
    """One server block."""

    __slots__ = (
        "_found",
        "client_header_buffer_size",
        "client_header_timeout",
        "header_rules",
        "large_buffer_count",
        "large_buffer_size",
        "location",
        "max_headers",
        "merge_slashes",
        "name",
        "named",
        "names",
        "rewrite",
        "tls",
        "tree",
    )

    def __init__(
        self, block: Block, location: Location, names: tuple[ServerName, ...], hostname: str
    ) -> None:
        self.location = location
        self.names = names or (NAMELESS,)
        first = names[0].text if names else ""
        self.name: bytes = (
            hostname if first == "$hostname" else first.lstrip(".") if first.startswith(".") else first
        ).encode(*ENCODING)
        self.client_header_timeout = block.inherited("client_header_timeout") / 1000
        self.client_header_buffer_size: int = block.inherited("client_header_buffer_size")
        self.large_buffer_count, self.large_buffer_size = block.inherited("large_client_header_buffers")
        self.max_headers: int = block.inherited("max_headers")
        self.merge_slashes: bool = block.inherited("merge_slashes")
        self.header_rules = HeaderRules(
            block.inherited("ignore_invalid_headers"), block.inherited("underscores_in_headers")
        )
        self.tree = Tree()
        self._found: dict[bytes, tuple[Location, re.Match[bytes] | None]] = {}
        self.named: dict[bytes, Location] = {}
        self.rewrite: tuple[Handler, ...] = ()
        self.tls: TlsServer | None = None

    def find(self, path: bytes) -> tuple[Location, re.Match[bytes] | None]:
        """The location for a path; the server's own settings where none matches."""
        found = self._found.get(path)
        if found is None:
            location, match = self.tree.find(path)
            found = (self.location if location is None else location), match
            if len(self._found) >= _MOST_PATHS:
                self._found.clear()
            self._found[path] = found
        return found

    def __repr__(self) -> str:
        return f"<Server {self.name.decode(*ENCODING)!r}>"


class HttpConf:
    """All of a configuration that a master and its workers need."""

    def __init__(self, main: Block, prefix: str, namespace: Namespace, error_log: str | None = None) -> None:
        self.namespace = namespace
        self.prefix = prefix
        self.registry = LogRegistry(prefix, namespace)
        processes = main.inherited("worker_processes")
        self.worker_processes: int = len(_cpus()) if processes == "auto" else max(1, int(processes))
        events = next(iter(main.blocks("events")), None)
        self.worker_connections: int = events.inherited("worker_connections") if events else 512
        self.worker_shutdown_timeout: float = (main.inherited("worker_shutdown_timeout") or 0) / 1000
        self.master_process: bool = main.inherited("master_process")
        self.working_directory: str | None = main.inherited("working_directory")
        self.pid_path: str = main.inherited("pid")
        self.error_logs = self.registry.main = self.registry.error_logs(main, error_log)
        self.listeners: tuple[Listener, ...] = ()
        self.computed: dict[str, Computed] = {}
        self.shared = Shared(main.state)
        self.names: list[Names] = []
        self.implicit: dict[tuple[str, int], Group] = {}  # the groups that a proxy_pass makes
        self._temp = itertools.count(1)
        for http in main.blocks("http"):
            self._http(http)

    def next_body_temp(self, where: Folder | None) -> str:
        """The name under which nginx would keep a request's body; ours has none unless it must."""
        return body_temp(next(self._temp), where, self.prefix)

    @property
    def logs(self) -> list[LogFile]:
        return self.registry.files

    def _http(self, http: Block) -> None:
        self.computed.update(compile_maps(http))
        if "geo" in http.values:
            from emulator.nginx.geo import compile_geos

            self.computed.update(compile_geos(http))
        groups = compile_groups(http, self.namespace)
        self.names.extend(names_of(groups.values()))
        listeners: dict[str, Listener] = {}
        for block in http.blocks("server"):
            server = _server(block, groups, self)
            for listen in block.values["listen"]:
                for host, port in _addresses(listen, self.namespace):
                    key = f"{host}:{port}"
                    listener = listeners.get(key)
                    if listener is None:
                        listener = listeners[key] = Listener(host, port, listen.backlog)
                    listener.backlog = (
                        max(listener.backlog, listen.backlog) if listen.given else listener.backlog
                    )
                    listener.tls |= listen.ssl
                    listener.proxied |= listen.proxy_protocol
                    listener.add(server, listen.default_server, self.namespace.hostname)
        self.listeners = tuple(_under_wildcards(listeners))


def _cpus() -> set[int] | range:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def _addresses(listen: Listen, namespace: Namespace) -> list[tuple[str, int]]:
    address = listen.address
    if address.unix:
        return [(f"unix:{address.host}", 0)]
    if address.wildcard or address.host in ("*", "0.0.0.0"):
        hosts: tuple[str, ...] = (address.host if address.host.startswith("[") else "0.0.0.0",)
    elif address.literal:
        hosts = (address.host,)
    else:
        hosts = namespace.resolve(address.host)
    return [(host, port) for host in hosts for port in listen.ports]


def _under_wildcards(listeners: dict[str, Listener]) -> list[Listener]:
    """Where a port is open on every address, single addresses share its socket (ngx_http_init_listening)."""
    kept = []
    for listener in listeners.values():
        family = "[::]" if listener.host.startswith("[") else "0.0.0.0"
        whole = listeners.get(f"{family}:{listener.port}")
        if whole is None or whole is listener:
            kept.append(listener)
        else:
            whole.specifics[listener.host.strip("[]")] = listener
    return kept


def _server(block: Block, groups: dict[str, Any], conf: HttpConf) -> Server:
    names = tuple(name for group in block.values.get("server_name", ()) for name in group)
    own = compile_location(block, groups, conf, None)
    server = Server(block, own, names, conf.namespace.hostname)
    server.rewrite = (*compile_post_read(block), *rewrite_handlers(block))
    server.tls = block.values.get("tls")
    _fill(server.tree, block, groups, conf, server)
    return server


def _fill(tree: Tree, outer: Block, groups: dict[str, Any], conf: HttpConf, server: Server) -> None:
    """Put the locations of one level into its tree; a proxied `/name/` also redirects `/name` to itself."""
    prefixes: list[tuple[bytes, Location]] = []
    redirects: list[tuple[bytes, Location]] = []
    for block in outer.blocks("location"):
        what = block.value
        location = compile_location(block, groups, conf, what)
        if any(True for _ in block.blocks("location")):
            location.tree = Tree()
            _fill(location.tree, block, groups, conf, server)
        name = what.name.encode(*ENCODING)
        if what.modifier == "@":
            server.named[name] = location
        elif what.pattern is not None:
            tree.regexes.append((what.pattern, location))
        else:
            if what.modifier == "=":
                tree.exact[name] = location
            else:
                prefixes.append((name, location))
            if location.auto_redirect and name.endswith(b"/") and len(name) > 1:
                redirects.append((name[:-1], location))
    tree.seal(prefixes)
    for name, location in redirects:
        if name not in tree.exact and not any(name == other for other, _ in prefixes):
            tree.exact[name] = _slash_redirect(location)


def _slash_redirect(location: Location) -> Location:
    """As auto_redirect: `/name` where only `/name/` is a location."""
    redirecting = location.copy()

    def handler(r: Request) -> int:
        target = escape_uri(r.path + b"/")
        r.location_out = target + b"?" + r.args if r.args else target
        return 301

    redirecting.handlers = (handler,)
    redirecting.tree = None
    redirecting.exact = True
    return redirecting


def load(main: Block, prefix: str, namespace: Namespace, error_log: str | None = None) -> HttpConf:
    """Compile a validated main block; raises ConfError for what only shows now, such as a host not found."""
    return HttpConf(main, prefix, namespace, error_log)
