"""Names of the task's networks, read from their live tables as a container reads 127.0.0.11."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Names:
    """What resolves in this task, and which addresses are real here."""

    def __init__(self, environment: Any) -> None:
        self._reader = environment.get("EMULATOR_LIVETABLE", "")
        self._paths = [path for path in environment.get("EMULATOR_TABLES", "").split(os.pathsep) if path]
        self._hosts = _hosts(environment.get("EMULATOR_HOSTS", ""))
        self._tables: Any = None
        self._turn = 0
        self._subnets = [_subnet(pair) for pair in environment.get("EMULATOR_SUBNETS", "").split(",") if pair]

    def lookup(self, name: str, port: int | None = None) -> list[tuple[str, int | None]]:
        """Real addresses and ports of a name: a service's VIP, or tasks, another first each time."""
        wanted = name.lower().rstrip(".")
        if wanted in self._hosts:
            host = self._hosts[wanted]
            place = self.real(host, port) if port else None
            return [place or (host, port)]
        for payload in self._read():
            found = _in_network(payload, wanted)
            if found:
                self._turn += 1
                at = self._turn % len(found)
                return [_real(place, port) for place in found[at:] + found[:at]]
        return []

    def real(self, host: str, port: int) -> tuple[str, int] | None:
        """Where an address of the networks is on this machine, or None when it is none of theirs."""
        number = _number(host)
        if number is None:
            return None
        for network, mask, base in self._subnets:
            if number & mask == network:
                return self._known(host, port) or (_dotted(base + number - network), port)
            if number & mask == base & mask:
                return self._known(host, port) or (host, port)
        return None

    def _known(self, host: str, port: int) -> tuple[str, int] | None:
        """The place of a VIP or of a task, by its address in the container's terms or by the real one."""
        for payload in self._read():
            for entry in payload.get("services", {}).values():
                if host in (entry["vip"], entry.get("host")) and entry.get("host"):
                    return _real(entry, port)
                for endpoint in entry["endpoints"]:
                    if host in (endpoint["address"], endpoint["host"]):
                        return _real(endpoint, port)
        return None

    def owner(self, host: str) -> str | None:
        """The name behind a real address, as Docker's resolver answers a reverse question."""
        for payload in self._read():
            for entry in payload.get("services", {}).values():
                for endpoint in entry["endpoints"]:
                    if host in (endpoint["host"], endpoint["address"]):
                        return f"{endpoint['name']}.{payload['network']}"
        return None

    def _read(self) -> list[Any]:
        if self._tables is None:
            reader = _load(self._reader)
            self._tables = [reader.LiveTable(path) for path in self._paths]
        return [table.read() for table in self._tables]


def _hosts(lines: str) -> dict[str, str]:
    """As /etc/hosts: an address and its names a line, the first line that has a name counts."""
    found: dict[str, str] = {}
    for line in lines.splitlines():
        address, *named = line.split()
        for name in named:
            found.setdefault(name.lower(), address)
    return found


def patch(module: Any, names: Names, place: Any) -> None:
    """Replace the functions of the socket module that ask for names."""
    native_getaddrinfo, native_byname = module.getaddrinfo, module.gethostbyname
    native_byname_ex, native_byaddr = module.gethostbyname_ex, module.gethostbyaddr

    def find(host: Any, port: Any = None) -> list[tuple[str, Any]]:
        try:
            name = host if isinstance(host, str) else bytes(host).decode()
            if not name or name == "localhost" or _number(name) is not None or ":" in name:
                return []
            if place.hostname and name.lower() == place.hostname.lower():
                return [(place.real, place.ports.get(port, port))]
            return names.lookup(name, port)
        except Exception:
            return []

    def getaddrinfo(
        host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        found = find(host, port) if host and family != module.AF_INET6 else []
        if not found:
            return list(native_getaddrinfo(host, port, family, type, proto, flags))
        return [
            entry
            for address, number in found
            for entry in native_getaddrinfo(address, number, module.AF_INET, type, proto, flags)
        ]

    def gethostbyname(hostname: str) -> str:
        found = find(hostname)
        return found[0][0] if found else str(native_byname(hostname))

    def gethostbyname_ex(hostname: str) -> Any:
        found = find(hostname)
        if not found:
            return native_byname_ex(hostname)
        return hostname, [], [address for address, _ in found]

    def gethostbyaddr(ip_address: str) -> Any:
        if place.hostname and ip_address in (place.real, place.own, place.hostname):
            return place.hostname, [], [place.real]
        if names.real(ip_address, 0) is None:
            return native_byaddr(ip_address)
        owner = names.owner(ip_address)
        if owner is None:
            raise module.herror(1, "Unknown host")
        return owner, [], [ip_address]

    def gethostname() -> str:
        return str(place.hostname or os.uname().nodename)

    for function in (getaddrinfo, gethostbyname, gethostbyname_ex, gethostbyaddr, gethostname):
        native = getattr(module, function.__name__)
        function.__doc__ = native.__doc__
        setattr(module, function.__name__, function)


def _in_network(payload: Any, wanted: str) -> list[Any]:
    """What a name leads to: places with a host and ports that are others there."""
    network = payload.get("network", "")
    wanted = wanted[: -len(network) - 1] if network and wanted.endswith(f".{network}".lower()) else wanted
    for service, entry in payload.get("services", {}).items():
        endpoints: list[Any] = entry["endpoints"]
        for name in (service, *entry.get("aliases", ())):
            if wanted == name.lower():
                return _of_service(entry, endpoints)
            if wanted == f"tasks.{name}".lower():
                return endpoints
        own = [e for e in endpoints if wanted in (_lower(e, "name"), _lower(e, "hostname"))]
        if own:
            return own
    return []


def _of_service(entry: Any, endpoints: list[Any]) -> list[Any]:
    """Docker does not know a service of which no task runs."""
    if entry["mode"] == "vip" and entry["vip"] and entry.get("host"):
        return [entry] if endpoints else []
    return [endpoint for endpoint in endpoints if endpoint.get("ready", True)] or endpoints


def _lower(endpoint: Any, key: str) -> str:
    return (endpoint.get(key) or "").lower()


def _real(place: Any, port: Any) -> tuple[str, Any]:
    return place["host"], (place.get("ports") or {}).get(str(port), port)


def _load(path: str) -> Any:
    """The package's own reader of live tables, by its path: the package may not be importable here."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("emulator_shim_livetable", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _number(host: str) -> int | None:
    octets = host.split(".")
    if len(octets) != 4 or not all(octet.isdigit() for octet in octets):
        return None
    first, second, third, fourth = (int(octet) for octet in octets)
    return first << 24 | second << 16 | third << 8 | fourth


def _dotted(number: int) -> str:
    return ".".join(str(octet) for octet in number.to_bytes(4, "big"))


def _subnet(pair: str) -> tuple[int, int, int]:
    """`192.168.100.0/24=127.168.100.0` -> network, mask, projected base."""
    subnet, _, real = pair.partition("=")
    address, _, prefix = subnet.partition("/")
    mask = (0xFFFFFFFF << (32 - int(prefix))) & 0xFFFFFFFF
    return (_number(address) or 0) & mask, mask, _number(real) or 0
