"""Published ports between services: who may have which, and the number of one that was left open."""

from __future__ import annotations

from collections.abc import Iterable

from ..settings import Port
from .errors import port_taken, refused
from .model import Service, ServiceSpec

# Where swarmkit's allocator looks for a port that nobody asked for by number.
_DYNAMIC = range(30000, 32768)


def check_ports(spec: ServiceSpec, others: Iterable[Service]) -> None:
    """swarmkit's validateEndpointSpec and checkPortConflicts; two host-mode ports meet on a node only."""
    if spec.endpoint_mode == "dnsrr" and any(port.mode == "ingress" for port in spec.ports):
        words = "EndpointSpec: port published with ingress mode can't be used with dnsrr mode"
        raise refused("InvalidArgument", words)
    wanted = [(port.published, port.protocol, port.mode) for port in spec.ports if port.published]
    if len(set(wanted)) < len(wanted):
        raise refused("InvalidArgument", "EndpointSpec: duplicate published ports provided")
    for other in others:
        for port in other.ports:
            for number, protocol, mode in wanted:
                meets = (port.published, port.protocol) == (number, protocol)
                if meets and "ingress" in (port.mode, mode):
                    raise port_taken(number, other, port.mode)


def published(
    ports: tuple[Port, ...], others: Iterable[Service], before: tuple[Port, ...] = ()
) -> tuple[Port, ...]:
    """The ports with a number each: one left open in ingress mode keeps the one it had, or gets the next."""
    taken = {(port.published, port.protocol) for other in others for port in other.ports}
    taken |= {(port.published, port.protocol) for port in ports}
    had = {(port.target, port.protocol): port.published for port in before if port.mode == "ingress"}
    given = []
    for port in ports:
        if not port.published and port.mode == "ingress":
            free = (number for number in _DYNAMIC if (number, port.protocol) not in taken)
            number = had.get((port.target, port.protocol)) or next(free)
            taken.add((number, port.protocol))
            port = port._replace(published=number)
        given.append(port)
    return tuple(given)
