"""What a TLS client says first (RFC 8446, 4.1.2): the name it wants, and what it offers.

It is read before OpenSSL sees it: the name chooses the server, and with it the certificates, protocols and
verification that the handshake begins with, and `$ssl_ciphers` and its kin are what the client offered.
"""

from __future__ import annotations

from typing import NamedTuple

_HANDSHAKE, _CLIENT_HELLO, _MAJOR = 22, 1, 3
_SERVER_HELLO, _SERVER_KEY_EXCHANGE, _NAMED_CURVE = 2, 12, 3
_NAME, _GROUPS, _SIGNATURES, _ALPN, _KEY_SHARE = 0, 10, 13, 16, 51
_LARGEST = 1 << 16
_MOST_RECORDS = 64  # each of them is looked at again with each octet that comes


class BadHello(ValueError):
    """These octets do not begin a handshake; OpenSSL is to say why."""


class ClientHello(NamedTuple):
    """The parts of the message that a server of ours looks at."""

    name: str | None
    ciphers: tuple[int, ...]
    groups: tuple[int, ...]
    signatures: tuple[int, ...]
    alpn: tuple[bytes, ...]


class _Reader:
    """Octets from the front; BadHello when they run out."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise BadHello("a length that goes beyond the end")
        part, self._at = self._data[self._at : end], end
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def part(self, size: int) -> _Reader:
        """What a length of `size` octets announces."""
        return _Reader(self.take(self.number(size)))

    def octets(self, size: int) -> bytes:
        return self.take(self.number(size))


def client_hello(data: bytes) -> ClientHello | None:
    """The message at the beginning of `data`, or None while it is incomplete; BadHello if it is none."""
    message = handshake(data)
    if not message:
        return None
    if message[0] != _CLIENT_HELLO:
        raise BadHello("another message")
    length = int.from_bytes(message[1:4], "big")
    if length > _LARGEST:
        raise BadHello("an endless message")
    if len(message) < 4 or len(message) < 4 + length:
        return None
    return _parse(_Reader(message[4 : 4 + length]))


def handshake(data: bytes) -> bytes:
    """The payload of the handshake records at the beginning, as far as they are whole."""
    found: list[bytes] = []
    at = 0
    while at + 5 <= len(data):
        if data[at] != _HANDSHAKE or data[at + 1] != _MAJOR:
            if not any(found):
                raise BadHello("another record")
            break
        end = at + 5 + int.from_bytes(data[at + 3 : at + 5], "big")
        if end > len(data):
            break
        found.append(data[at + 5 : end])
        if len(found) > _MOST_RECORDS:
            raise BadHello("more records than a message needs")
        at = end
    return b"".join(found)


def _parse(hello: _Reader) -> ClientHello:
    hello.take(34)  # version and random
    hello.octets(1)  # session
    ciphers = _pairs(hello.octets(2))
    hello.octets(1)  # compression
    name, groups, signatures, alpn = None, (), (), []  # type: str | None, tuple[int, ...], tuple[int, ...], list[bytes]
    for kind, body in _extensions(hello):
        if kind == _NAME:
            name = _name(body)
        elif kind == _GROUPS:
            groups = _pairs(body.octets(2))
        elif kind == _SIGNATURES:
            signatures = _pairs(body.octets(2))
        elif kind == _ALPN:
            offered = body.part(2)
            while offered:
                alpn.append(offered.octets(1))
    return ClientHello(name, ciphers, groups, signatures, tuple(alpn))


def _extensions(hello: _Reader) -> list[tuple[int, _Reader]]:
    found = []
    extensions = hello.part(2) if hello else _Reader(b"")
    while extensions:
        kind = extensions.number(2)
        found.append((kind, extensions.part(2)))
    return found


def _name(body: _Reader) -> str | None:
    names = body.part(2)
    while names:
        kind, name = names.number(1), names.octets(2)
        if kind == 0:
            return name.decode("latin-1")
    return None


def _pairs(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2))


def chosen_group(data: bytes) -> int | None:
    """The group of the key exchange, from the server's first flight; None where it shows none."""
    try:
        flight = _Reader(handshake(data))
        while flight:
            kind = flight.number(1)
            body = flight.part(3)
            if kind == _SERVER_HELLO:
                body.take(34)
                body.octets(1)
                body.take(3)  # cipher and compression
                share = dict(_extensions(body)).get(_KEY_SHARE)
                if share is not None:
                    return share.number(2)
            elif kind == _SERVER_KEY_EXCHANGE:
                return body.number(2) if body.number(1) == _NAMED_CURVE else None
    except BadHello:
        pass
    return None
