"""A name server for one side: it knows some names of `.test`, each there for one kind of answer."""

from __future__ import annotations

import asyncio
import ipaddress
import struct

from .upstream import Loop

A, CNAME, AAAA, SRV = 1, 5, 28, 33
_ADDRESSES = {
    "one.test": ("127.0.0.1",),
    "both.test": ("127.0.0.1", "::1"),
    "six.test": ("::1",),
    "twins.test": ("127.0.0.1", "127.0.0.1"),
    "upper.test": ("127.0.0.1",),
    "brief.test": ("127.0.0.1",),
    "nowhere.test": ("127.0.0.9",),
    "under_score.test": ("127.0.0.1",),
    "empty.test": (),
}
_ALIASES = {"alias.test": "one.test", "lonealias.test": "one.test", "circle.test": "circle.test"}
_CODES = {"format.test": 1, "failure.test": 2, "unimplemented.test": 4, "refused.test": 5}


class NameServer(asyncio.DatagramProtocol):
    """`ports` are those of the upstreams, which the services of `.test` are found at."""

    def __init__(self, loop: Loop, ports: dict[int, int]) -> None:
        self._ports = ports
        self._asked: dict[str, int] = {}
        loop.run(self._bind())

    async def _bind(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port: int = self._transport.get_extra_info("sockname")[1]

    def close(self, loop: Loop) -> None:
        async def end() -> None:
            self._transport.close()

        loop.run(end())

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        name, end = _question(data)
        (kind,) = struct.unpack_from("!H", data, end)
        if name == "silent.test":
            return
        if name == "garbage.test":
            self._transport.sendto(data[:2] + b"\xff" * 20, addr)
            return
        self._asked[name] = self._asked.get(name, 0) + 1
        if name == "stranger.test":
            self._transport.sendto(b"\0\1" + self._answer(data, name, end, kind)[2:], addr)
        self._transport.sendto(self._answer(data, name, end, kind), addr)

    def _answer(self, data: bytes, name: str, end: int, kind: int) -> bytes:
        code = _CODES.get(name, 0)
        records = b"".join(self._records(name, kind)) if not code else b""
        count = len(list(self._records(name, kind))) if not code else 0
        if name not in _ADDRESSES and name not in _ALIASES and not code and not count:
            code = 3
        return data[:2] + struct.pack("!5H", 0x8180 | code, 1, count, 0, 0) + data[12 : end + 4] + records

    def _records(self, name: str, kind: int) -> list[bytes]:
        ttl = 0 if name == "brief.test" else 60
        found = []
        if name in _ALIASES:
            found.append(_record(CNAME, _encoded(_ALIASES[name]), ttl))
            name = _ALIASES[name] if name == "alias.test" else ""
        for text in _ADDRESSES.get(name, ()):
            address = ipaddress.ip_address(text)
            if kind == (AAAA if address.version == 6 else A):
                found.append(_record(kind, address.packed, ttl))
        if kind == SRV:
            found += [
                _record(SRV, struct.pack("!3H", *numbers, self._ports[port]) + _encoded(target), ttl)
                for port, *numbers, target in _SERVICES.get(name, ())
            ]
        return found


_SERVICES = {
    "_http._tcp.svc.test": ((1, 10, 1, "one.test"), (2, 10, 2, "both.test")),
    "own.name.svc.test": ((2, 0, 0, "one.test"),),
    "_backed._tcp.svc.test": ((1, 10, 1, "nobody.test"), (2, 20, 1, "one.test")),
}


def _question(data: bytes) -> tuple[str, int]:
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode("ascii"))
        at += data[at] + 1
    return ".".join(labels).lower(), at + 1


def _encoded(name: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"


def _record(kind: int, data: bytes, ttl: int) -> bytes:
    return b"\xc0\x0c" + struct.pack("!2HIH", kind, 1, ttl, len(data)) + data
