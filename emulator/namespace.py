"""The seam between a task and this machine: what the kernel's namespaces are to a container.

A task speaks in the container's terms (`listen 80`, `webapp:8000`, `/var/www-data`); a Namespace
says what they are here. nginx asks it and knows nothing of the swarm; the swarm fills it and knows
nothing of nginx. Addresses in the container's terms are what logs and headers show.
"""

from __future__ import annotations

import socket
from typing import NamedTuple, Protocol


class Dial(NamedTuple):
    """One way to reach a peer: a real socket address, and the real source address to bind (or None).

    `refusals` is None where a refusal stands, else how many other ways have been refused before.
    """

    family: int
    address: tuple[str, int] | str
    source: str | None = None
    refusals: int | None = None


class Namespace(Protocol):
    """What a task may ask about the world outside its process."""

    hostname: str

    def path(self, path: str) -> str:
        """The real path of a container's path (the longest mount wins)."""

    def listen(self, host: str, port: int) -> tuple[tuple[str, int], ...]:
        """The real addresses on which a listener of the container is to be bound; may be more than one."""

    def resolve(self, host: str) -> tuple[str, ...]:
        """The addresses, in the container's terms, of a name; empty when it does not resolve."""

    def is_name_server(self, host: str) -> bool:
        """Whether this address is the name server of the container's own network."""

    def known(self, host: str) -> tuple[str, ...] | None:
        """What that name server says at once, as `resolve`; None for a name of the world outside."""

    def dial(self, host: str, port: int) -> Dial:
        """Where a new connection to an address of the container's network goes: chosen anew at each call."""

    def refused(self, dial: Dial, host: str, port: int) -> Dial | None:
        """Another way to the same address after `dial` was refused, or None when the refusal stands."""

    def client(self, host: str) -> str:
        """The address under which the container sees a client that really connects from `host`."""


class HostNamespace:
    """The identity: names, paths and ports mean what they mean on this machine."""

    def __init__(self, hostname: str | None = None) -> None:
        self.hostname = socket.gethostname() if hostname is None else hostname

    def path(self, path: str) -> str:
        return path

    def listen(self, host: str, port: int) -> tuple[tuple[str, int], ...]:
        return ((host, port),)

    def resolve(self, host: str) -> tuple[str, ...]:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return ()
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))

    def is_name_server(self, host: str) -> bool:
        return False

    def known(self, host: str) -> tuple[str, ...] | None:
        return None

    def dial(self, host: str, port: int) -> Dial:
        return Dial(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port))

    def refused(self, dial: Dial, host: str, port: int) -> Dial | None:
        return None

    def client(self, host: str) -> str:
        return host
