"""The PROXY protocol: what a load balancer says of its client before anything else (ngx_proxy_protocol.c)."""

from __future__ import annotations

import re
from typing import NamedTuple

from emulator.nginx.address import shown_octets
from emulator.nginx.conf import ENCODING

MOST = 4096  # what is looked at for a header

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_TEXT = re.compile(
    rb"PROXY TCP[46] (?P<source>[0-9A-Fa-f.:]*) (?P<target>[0-9A-Fa-f.:]*) "
    rb"(?P<source_port>[0-9]+) (?P<target_port>[0-9]+)\r\n"
)
_UNKNOWN = re.compile(rb"PROXY UNKNOWN.*?\r\n", re.DOTALL)
_LINE = re.compile(rb"[^\r\n]*")
_TYPES = {
    "alpn": 0x01, "authority": 0x02, "unique_id": 0x05, "ssl": 0x20, "netns": 0x30,
    "ssl_version": 0x21, "ssl_cn": 0x22, "ssl_cipher": 0x23, "ssl_sig_alg": 0x24, "ssl_key_alg": 0x25,
}  # fmt: skip
_OUTSIDE = ("alpn", "authority", "unique_id", "ssl", "netns")  # not within `ssl`
_SSL, _SSL_HEAD = 0x20, 5


class BrokenHeader(Exception):
    """What came is no header; the text is nginx's, empty where it says nothing."""


class Proxied(NamedTuple):
    """Who is connected, and with whom, by the word of a proxy; ports as text."""

    source: bytes
    target: bytes
    source_port: bytes
    target_port: bytes
    tlvs: bytes = b""

    def tlv(self, name: str) -> bytes | None:
        """As ngx_proxy_protocol_get_tlv: a value by its type, by name or as 0xNN; those in `ssl` by ssl_….

        Raises KeyError for a name that nobody knows.
        """
        if name == "ssl_verify":
            found = _value(self.tlvs, _SSL)
            verified = found is not None and len(found) >= _SSL_HEAD
            return b"%d" % int.from_bytes(found[1:_SSL_HEAD], "big") if found and verified else None
        place, kind = self.tlvs, name
        if name.startswith("ssl_"):
            found = _value(self.tlvs, _SSL)
            place, kind = (found or b"")[_SSL_HEAD:], name if name in _TYPES else name.removeprefix("ssl_")
            if kind in _OUTSIDE:
                raise KeyError(name)
        number = _TYPES.get(kind)
        if number is None:
            if not re.fullmatch(r"0x[0-9A-Fa-f]{1,2}", kind):
                raise KeyError(name)
            number = int(kind, 16)
        return _value(place, number)


def _value(tlvs: bytes, kind: int) -> bytes | None:
    while len(tlvs) >= 3:
        length = int.from_bytes(tlvs[1:3], "big")
        if len(tlvs) < 3 + length:
            return None
        if tlvs[0] == kind:
            return tlvs[3 : 3 + length]
        tlvs = tlvs[3 + length :]
    return None


def read_header(data: bytes) -> tuple[Proxied | None, int]:
    """What the header at the start says, None if it names nobody, and its length; raises BrokenHeader."""
    if len(data) >= 16 and data.startswith(_SIGNATURE):
        return _binary(data)
    found = _TEXT.match(data)
    if found is None:
        unknown = _UNKNOWN.match(data)
        if unknown is not None:
            return None, unknown.end()
    elif int(found["source_port"]) <= 65535 and int(found["target_port"]) <= 65535:
        ports = (_port(int(found["source_port"])), _port(int(found["target_port"])))
        return Proxied(found["source"], found["target"], *ports), found.end()
    line = _LINE.match(data)
    shown = line[0].decode(*ENCODING) if line is not None else ""
    raise BrokenHeader(f'broken header: "{shown}"')


def _port(number: int) -> bytes:
    return b"%d" % number if number else b""


def _binary(data: bytes) -> tuple[Proxied | None, int]:
    version, command = data[12] >> 4, data[12] & 15
    if version != 2:
        raise BrokenHeader(f"unknown PROXY protocol version: {version}")
    end = 16 + int.from_bytes(data[14:16], "big")
    if len(data) < end:
        raise BrokenHeader("header is too large")
    family, transport = data[13] >> 4, data[13] & 15
    size = {1: 4, 2: 16}.get(family)
    if command != 1 or transport != 1 or size is None:
        return None, end
    body = data[16:end]
    if len(body) < 2 * size + 4:
        raise BrokenHeader("")
    ports = 2 * size
    return (
        Proxied(
            shown_octets(body[:size]).encode(),
            shown_octets(body[size:ports]).encode(),
            _port(int.from_bytes(body[ports : ports + 2], "big")),
            _port(int.from_bytes(body[ports + 2 : ports + 4], "big")),
            body[ports + 4 :],
        ),
        end,
    )
