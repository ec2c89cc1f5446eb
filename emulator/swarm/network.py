"""Subnets: addresses in Docker's order, and their projection onto this machine's loopback."""

from __future__ import annotations

from collections.abc import Iterable

# Docker's default pool for overlay networks; 10.0.0.0/24 is the ingress network's.
_DEFAULT_POOL = tuple(f"10.0.{number}.0/24" for number in range(1, 256))
INGRESS_SUBNET = "10.0.0.0/24"
# The node's side of the ingress network: Docker's SNAT makes every published client look like it.
INGRESS_NODE = "10.0.0.2"
# A task without networks has only its leg on this bridge.
BRIDGE, BRIDGE_SUBNET, BRIDGE_GATEWAY = "docker_gwbridge", "172.18.0.0/16", "172.18.0.1"


class NoAddress(Exception):
    """A subnet has no address left."""


class Pool:
    """One subnet's addresses: the next free one after the last handed out, as Docker's IPAM does it.

    A freed address comes back only when the pool has wrapped, so that a late packet for a task
    that is gone does not meet its successor.
    """

    def __init__(self, subnet: str, taken: Iterable[str] = (), gateway: str = "", ip_range: str = "") -> None:
        self.subnet = subnet
        self._network, mask = parse(subnet)
        self._size = (~mask & 0xFFFFFFFF) + 1
        self._gateway = number(gateway) - self._network if gateway else 1
        self._taken = {number(address) - self._network for address in taken} | {self._gateway}
        self._first, self._end = self._range(ip_range) if ip_range else (1, self._size - 1)
        self._last = max((at for at in self._taken if at < self._end), default=self._first)

    @property
    def gateway(self) -> str:
        return dotted(self._network + self._gateway)

    def take(self) -> str:
        span = self._end - self._first
        for step in range(1, span + 1):
            at = self._first + (self._last - self._first + step) % span
            if at not in self._taken:
                self._taken.add(at)
                self._last = at
                return dotted(self._network + at)
        raise NoAddress(f"could not find an available IP in {self.subnet}")

    def claim(self, address: str) -> str:
        """An address that was handed out in another life of this pool."""
        at = number(address) - self._network
        self._taken.add(at)
        self._last = max(self._last, at)
        return address

    def release(self, address: str) -> None:
        self._taken.discard(number(address) - self._network)

    def _range(self, ip_range: str) -> tuple[int, int]:
        """Docker's --ip-range: the part of the subnet from which addresses are handed out."""
        base, mask = parse(ip_range)
        first = base - self._network
        return max(first, 1), min(first + (~mask & 0xFFFFFFFF) + 1, self._size - 1)


class Projection:
    """A subnet on 127/8: the first octet is replaced, the second moves on by `shift` where it is taken."""

    def __init__(self, subnet: str, shift: int = 0) -> None:
        self.subnet = subnet
        self._network = parse(subnet)[0]
        self.octet = (((self._network >> 16) & 0xFF) + shift) % 256
        self._base = 127 << 24 | self.octet << 16 | self._network & 0xFFFF

    @property
    def base(self) -> str:
        """The projected subnet's first address."""
        return dotted(self._base)

    @property
    def cidr(self) -> str:
        return f"{self.base}/{self.subnet.partition('/')[2]}"

    def real(self, address: str) -> str:
        return dotted(self._base + number(address) - self._network)


def next_subnet(used: Iterable[str]) -> str:
    """The first of Docker's default subnets that overlaps none in use."""
    known = list(used)
    for subnet in _DEFAULT_POOL:
        if not any(overlap(subnet, other) for other in known):
            return subnet
    raise NoAddress("could not find an available, non-overlapping IPv4 address pool among the defaults")


def overlap(one: str, other: str) -> bool:
    (network, mask), (second, second_mask) = parse(one), parse(other)
    return (network ^ second) & mask & second_mask == 0


def parse(subnet: str) -> tuple[int, int]:
    """CIDR notation -> network and mask; host bits are dropped, as Docker does it."""
    address, _, prefix = subnet.partition("/")
    mask = (0xFFFFFFFF << (32 - int(prefix))) & 0xFFFFFFFF
    return number(address) & mask, mask


def number(address: str) -> int:
    first, second, third, fourth = (int(octet) for octet in address.split("."))
    return first << 24 | second << 16 | third << 8 | fourth


def dotted(value: int) -> str:
    return ".".join(str(octet) for octet in value.to_bytes(4, "big"))
