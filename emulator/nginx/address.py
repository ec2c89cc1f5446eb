"""Addresses as nginx reads them: `host:port`, `[::1]:80`, `unix:/path`, `*:80`, a port alone, ranges."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.values import number

_UNIX_PATH = 108  # sizeof(sun_path)
_MAPPED = b"\0" * 10 + b"\xff\xff"  # ::ffff:0:0/96


class Address(NamedTuple):
    """Where to listen or to connect: `host` as written (a socket's path, an IPv6 address in brackets).

    `literal` says that the host is an address and not a name; `last_port` is above `port` in a range.
    """

    host: str
    port: int = 0
    last_port: int = 0
    no_port: bool = False
    unix: bool = False
    literal: bool = False
    wildcard: bool = False
    uri: str = ""


class BadAddress(ValueError):
    """What ngx_parse_url says of an address that it cannot read."""


def parse_address(text: str, *, default_port: int = 0, listen: bool = False, uri: bool = False) -> Address:
    """As ngx_parse_url without resolving; `uri` allows a path after the address, and keeps it."""
    if text[:5].lower() == "unix:":
        return _unix(text[5:], uri)
    if text.startswith("["):
        return _inet6(text, default_port, listen, uri)
    return _inet(text, default_port, listen, uri)


def _unix(path: str, uri: bool) -> Address:
    rest = ""
    if uri:
        path, _, rest = path.partition(":")
    if not path:
        raise BadAddress("no path in the unix domain socket")
    if len(path) >= _UNIX_PATH:
        raise BadAddress("too long path in the unix domain socket")
    return Address(path, unix=True, literal=True, uri=rest)


def _split_uri(text: str, listen: bool, uri: bool) -> tuple[str, str]:
    at = min((place for place in (text.find("/"), text.find("?")) if place >= 0), default=-1)
    if at < 0:
        return text, ""
    if listen or not uri:
        raise BadAddress("invalid host")
    return text[:at], text[at:]


def _ports(text: str, listen: bool) -> tuple[int, int]:
    first, dash, last = text.partition("-") if listen else (text, "", "")
    top = 0
    if dash:
        top = number(last) or 0
        if not 1 <= top <= 65535:
            raise BadAddress("invalid port")
    port = number(first) or 0
    if not 1 <= port <= 65535:
        raise BadAddress("invalid port")
    if top and port > top:
        raise BadAddress("invalid port range")
    return port, top or port


def _inet(text: str, default_port: int, listen: bool, uri: bool) -> Address:
    where, rest = _split_uri(text, listen, uri)
    host, colon, ports = where.partition(":")
    no_port = not colon
    if colon:
        port, last = _ports(ports, listen)
    elif listen and _is_port(where):
        port, last = _ports(where, listen)
        return Address("*", port, last, literal=True, wildcard=True)
    else:
        port = last = default_port
    if not host:
        raise BadAddress("no host")
    if listen and host == "*":
        return Address("*", port, last, no_port, literal=True, wildcard=True)
    literal = _is_inet(host)
    return Address(host, port, last, no_port, literal=literal, wildcard=host == "0.0.0.0", uri=rest)


def _is_port(text: str) -> bool:
    first, dash, last = text.partition("-")
    return number(first) is not None and (not dash or number(last) is not None)


def _is_inet(host: str) -> bool:
    """As ngx_inet_addr: four decimal numbers."""
    parts = host.split(".")
    return len(parts) == 4 and all((number(part) if part else -1) in range(256) for part in parts)


def _inet6(text: str, default_port: int, listen: bool, uri: bool) -> Address:
    host, bracket, after = text[1:].partition("]")
    if not bracket:
        raise BadAddress("invalid host")
    after, rest = _split_uri(after, listen, uri)
    port = last = default_port
    if after:
        if not after.startswith(":"):
            raise BadAddress("invalid host")
        port, last = _ports(after[1:], listen)
    if not host:
        raise BadAddress("no host")
    import ipaddress  # 2 ms, and few configurations have such an address

    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        raise BadAddress("invalid IPv6 address") from None
    wildcard = address == ipaddress.IPv6Address(0)
    return Address(f"[{host}]", port, last, not after, literal=True, wildcard=wildcard, uri=rest)


class Network(NamedTuple):
    """Addresses whose first `prefix` bits are those of `packed`; `low_bits`: more bits were written."""

    packed: bytes
    prefix: int
    low_bits: bool = False

    def holds(self, address: bytes) -> bool:
        """Whether an address, packed by `packed`, is in it; one of the other family never is."""
        mine = self.packed
        if len(address) != len(mine):
            return False
        differing = int.from_bytes(address, "big") ^ int.from_bytes(mine, "big")
        return not differing >> (8 * len(mine) - self.prefix)


def parse_network(text: str) -> Network | None:
    """As ngx_ptocidr: an address, or one with a prefix length after a slash."""
    host, slash, mask = text.partition("/")
    address = packed(host)
    if address is None:
        return None
    width = 8 * len(address)
    prefix = number(mask) if slash else width
    if prefix is None or prefix > width:
        return None
    bits = int.from_bytes(address, "big")
    kept = bits >> (width - prefix) << (width - prefix)
    return Network(kept.to_bytes(width // 8, "big"), prefix, kept != bits)


def packed(text: str) -> bytes | None:
    """As ngx_parse_addr: the 4 or 16 octets of an address; None for what is none."""
    if ":" not in text:
        return _packed_inet(text)
    import ipaddress

    try:
        return None if "%" in text else ipaddress.IPv6Address(text).packed
    except ValueError:
        return None


def _packed_inet(text: str) -> bytes | None:
    """As ngx_inet_addr, which takes an empty part for 0 and has no word for 255.255.255.255."""
    parts = text.split(".")
    values = [(number(part) if part else 0) for part in parts]
    if len(parts) != 4 or any(value is None or value > 255 for value in values):
        return None
    found = bytes(value for value in values if value is not None)
    return None if found == b"\xff\xff\xff\xff" else found


def client_octets(text: str) -> bytes | None:
    """A client's address for comparisons, where ::ffff:1.2.3.4 is 1.2.3.4; None for `unix:`."""
    found = packed(text)
    if found is not None and found[:12] == _MAPPED:
        return found[12:]
    return found


def shown_octets(address: bytes) -> str:
    """As ngx_sock_ntop, without a port."""
    if len(address) == 4:
        return ".".join(map(str, address))
    import ipaddress

    if address[:12] == _MAPPED:
        return "::ffff:" + shown_octets(address[12:])
    return ipaddress.IPv6Address(address).compressed
