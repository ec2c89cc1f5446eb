"""Values by address: networks of which the longest wins, and ranges that may lie inside each other."""

from __future__ import annotations

import bisect

from emulator.nginx.address import Network

NOWHERE = b"\xff\xff\xff\xff"  # INADDR_NONE: what nginx looks up where there is no address


class Networks:
    """As ngx_radix_tree.c: one tree for each family."""

    __slots__ = ("_by_prefix",)

    def __init__(self) -> None:
        self._by_prefix: dict[int, dict[int, dict[int, str]]] = {4: {}, 16: {}}

    def add(self, network: Network, value: str) -> str | None:
        """Give a network its value; where it had one, what nginx then names as the old one."""
        old = self.find(network.packed)
        values = self._by_prefix[len(network.packed)].setdefault(network.prefix, {})
        key = _key(network.packed, network.prefix)
        known = key in values
        values[key] = value
        return (old or "") if known else None

    def delete(self, network: Network) -> bool:
        values = self._by_prefix[len(network.packed)].get(network.prefix, {})
        return values.pop(_key(network.packed, network.prefix), None) is not None

    def find(self, address: bytes) -> str | None:
        by_prefix = self._by_prefix[len(address)]
        for prefix in sorted(by_prefix, reverse=True):
            found = by_prefix[prefix].get(_key(address, prefix))
            if found is not None:
                return found
        return None


def _key(address: bytes, prefix: int) -> int:
    return int.from_bytes(address, "big") >> (8 * len(address) - prefix)


class Overlap(ValueError):
    """A range begins or ends inside another one; the text is that one."""


class Ranges:
    """As ngx_http_geo_add_range: ranges of IPv4 addresses, kept by the upper half of the address."""

    __slots__ = ("_parts", "default")

    def __init__(self) -> None:
        self.default: str | None = None
        self._parts: dict[int, list[tuple[int, int, str]]] = {}

    def add(self, first: int, last: int, value: str) -> list[str]:
        """Give a range its value, inside another one if need be; the values that the very same range had."""
        old = []
        for high, start, end in _halves(first, last):
            part = self._parts.setdefault(high, [])
            at = bisect.bisect_left(part, end + 1, key=lambda entry: entry[0]) - 1
            if at < 0 or start > part[at][1]:
                part.insert(at + 1, (start, end, value))
                continue
            low, top, outer = part[at]
            if start < low or end > top:
                raise Overlap(f"{_shown(high, low)}-{_shown(high, top)}")
            if (start, end) == (low, top):
                old.append(outer)
            before = [(low, start - 1, outer)] if start > low else []
            after = [(end + 1, top, outer)] if end < top else []
            part[at : at + 1] = [*before, (start, end, value), *after]
        return old

    def delete(self, first: int, last: int) -> bool:
        """Forget a range; False if some part of it was none."""
        found = True
        for high, start, end in _halves(first, last):
            part = self._parts.get(high, [])
            kept = [entry for entry in part if entry[:2] != (start, end)]
            found = found and len(kept) < len(part)
            part[:] = kept
        return found

    def find(self, address: int) -> str | None:
        part = self._parts.get(address >> 16)
        if part:
            low = address & 0xFFFF
            at = bisect.bisect_right(part, low, key=lambda entry: entry[0]) - 1
            if at >= 0 and low <= part[at][1]:
                return part[at][2]
        return self.default


def _halves(first: int, last: int) -> list[tuple[int, int, int]]:
    """The upper halves that a range touches, and where it begins and ends in each."""
    return [
        (
            high,
            first & 0xFFFF if high == first >> 16 else 0,
            last & 0xFFFF if high == last >> 16 else 0xFFFF,
        )
        for high in range(first >> 16, (last >> 16) + 1)
    ]


def _shown(high: int, low: int) -> str:
    return f"{high >> 8}.{high & 0xFF}.{low >> 8}.{low & 0xFF}"
