"""One address and port, and which of its servers a Host chooses (ngx_http_find_virtual_server)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.http1.message import BadMessage
from emulator.nginx.conf import ENCODING
from emulator.nginx.head import INVALID_HOST, validate_host
from emulator.nginx.knownheads import KnownHeads

if TYPE_CHECKING:
    from emulator.http1.parse import HeaderRules
    from emulator.namespace import Namespace
    from emulator.nginx.compile import Server

Captures = re.Match[bytes]


class Listener:
    """One address and port, and the servers that share it."""

    __slots__ = (
        "_exact",
        "_heads",
        "_regexes",
        "_tails",
        "backlog",
        "default",
        "display",
        "host",
        "known",
        "local_address",
        "port",
        "proxied",
        "servers",
        "single",
        "specifics",
        "tls",
        "wildcard",
    )

    def __init__(self, host: str, port: int, backlog: int) -> None:
        self.host = host
        self.port: int = port
        self.backlog = backlog
        self.display = host if host.startswith("unix:") else f"{host}:{port}"
        self.local_address = b"127.0.0.1" if host == "0.0.0.0" else host.strip("[]").encode(*ENCODING)
        self.wildcard = host in ("0.0.0.0", "[::]")
        self.specifics: dict[str, Listener] = {}  # of the same port, found by the address that was reached
        self.servers: list[Server] = []
        self.known = KnownHeads()
        self.default: Server
        self.single: Server | None = None
        self.tls = False
        self.proxied = False  # a PROXY header comes first
        self._exact: dict[bytes, Server] = {}
        self._heads: dict[bytes, Server] = {}  # *.example.org as .example.org
        self._tails: dict[bytes, Server] = {}  # www.example.* as www.example.
        self._regexes: list[tuple[re.Pattern[bytes], Server]] = []

    def real_addresses(self, namespace: Namespace) -> tuple[tuple[str, int] | str, ...]:
        if self.host.startswith("unix:"):
            return (namespace.path(self.host[5:]),)
        return namespace.listen(self.host.strip("[]"), self.port)

    def rules_of(self, host: bytes) -> HeaderRules:
        """The rules for header fields of the server that a Host chooses; BadMessage(400) if it is no host."""
        name = validate_host(host)
        if name is None:
            raise BadMessage(400, INVALID_HOST)
        return self.find(name)[0].header_rules

    def add(self, server: Server, default: bool, hostname: str) -> None:
        if default or not self.servers:
            self.default = server
        self.servers.append(server)
        for name in server.names:
            if name.pattern is not None:
                self._regexes.append((name.pattern, server))
                continue
            text = hostname if name.text == "$hostname" else name.text
            key = text.lower().encode(*ENCODING)
            if key.startswith(b"*."):
                self._heads.setdefault(key[1:], server)
            elif key.startswith(b"."):
                if key[1:] not in self._exact and key not in self._heads:  # else it is ignored as a whole
                    self._exact[key[1:]] = self._heads[key] = server
            elif key.endswith(b".*"):
                self._tails.setdefault(key[:-1], server)
            else:
                self._exact.setdefault(key, server)
        captures = any(pattern.groups for pattern, _ in self._regexes)
        self.single = server if len(self.servers) == 1 and not captures else None

    def is_name(self, host: bytes) -> bool:
        """Whether a server has this name, exactly or by a wildcard."""
        return (
            host in self._exact
            or any(len(host) > len(head) and host.endswith(head) for head in self._heads)
            or any(host.startswith(tail) for tail in self._tails)
        )

    def find(self, host: bytes) -> tuple[Server, Captures | None]:
        """The server for a Host: exact, longest leading, then trailing wildcard, first regex, default."""
        server = self._exact.get(host)
        if server is not None:
            return server, None
        if self._heads:
            at = host.find(b".")
            while at >= 0:
                if at > 0 and (server := self._heads.get(host[at:])) is not None:
                    return server, None
                at = host.find(b".", at + 1)
        if self._tails:
            at = host.rfind(b".")
            while at > 0:
                if (server := self._tails.get(host[: at + 1])) is not None:
                    return server, None
                at = host.rfind(b".", 0, at)
        for pattern, server in self._regexes:
            match = pattern.search(host)
            if match is not None:
                return server, match
        return self.default, None
