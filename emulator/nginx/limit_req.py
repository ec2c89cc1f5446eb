"""limit_req: a leaky bucket for each key (ngx_http_limit_req_module.c).

Requests flow out at the zone's rate; what stands above that is the key's excess. Up to `delay` it passes at
once, up to `burst` it waits until it has flowed out, and above that it is refused. All in thousandths of
a request and in milliseconds, rounded as nginx rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx.hold import hold
from emulator.nginx.request import DECLINED, Handler, Request
from emulator.nginx.variables import Template, compile_template
from emulator.nginx.zones import Record, Table

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.limit_req import Limit as Written

_LONGEST_KEY = 65535
_JUMP = -60000  # a clock that went back further than this was set anew
_STATUS = " limit_req_status"
_LEVELS = ("error", "warn", "notice", "info")


class Limit(NamedTuple):
    """One limit_req with its zone's key and rate."""

    zone: str
    key: Template
    key_text: str
    rate: int
    burst: int
    delay: int


class Verdict(NamedTuple):
    """What a request's limits say: `wait` in milliseconds, None to refuse; `zone` is the one that decides."""

    wait: int | None
    excess: int = 0
    zone: str = ""


def excess_now(record: Record, rate: int, now: int) -> tuple[int, int]:
    """The excess that one more request makes, and how many milliseconds have passed."""
    passed = now - record.last
    if passed < 0:
        passed = 1 if passed < _JUMP else 0
    return max(0, record.excess - rate * passed // 1000 + 1000), passed


def decide(limits: Sequence[tuple[Limit, Table, bytes]], now: int, last_counts: bool) -> Verdict:
    """Ask the limits in turn and count the request in all of them, or in none where one refuses.

    As ngx_http_limit_req_lookup for each and ngx_http_limit_req_account; `last_counts` is whether the last
    of these is the last of the location, which counts at once.
    """
    held: list[tuple[Limit, Table, bytes]] = []
    best = Verdict(0)
    for index, entry in enumerate(limits):
        limit, table, key = entry
        at_once = last_counts and index == len(limits) - 1
        found = _look_up(limit, table, key, now, at_once)
        if found is None or found > limit.burst:
            _release(held)
            return Verdict(None, -1 if found is None else found, limit.zone)
        if at_once:
            best = _longer(best, limit, found)
        else:
            held.append(entry)
    for limit, table, key in reversed(held):
        best = _longer(best, limit, _account(limit, table, key, now))
    return best


def _longer(best: Verdict, limit: Limit, excess: int) -> Verdict:
    wait = (excess - limit.delay) * 1000 // limit.rate if excess > limit.delay else 0
    assert best.wait is not None
    return Verdict(wait, excess, limit.zone) if wait > best.wait else best


def _look_up(limit: Limit, table: Table, key: bytes, now: int, at_once: bool) -> int | None:
    """The excess of one key, which is counted now or held; None if there is no room for a new key."""
    with table:
        place = table.find(key)
        if place is None:
            place = table.add(key)
            if place is None:
                return None
            table.write(place, Record(now, 0, 0) if at_once else Record(0, 0, 1))
            return 0
        record = table.read(place)
        excess, passed = excess_now(record, limit.rate, now)
        if excess > limit.burst:
            return excess
        if at_once:
            table.write(place, Record(now if passed else record.last, excess, record.holders))
        else:
            table.write(place, record._replace(holders=record.holders + 1))
        return excess


def _account(limit: Limit, table: Table, key: bytes, now: int) -> int:
    with table:
        place = table.find(key)
        if place is None:
            return 0
        record = table.read(place)
        excess, passed = excess_now(record, limit.rate, now)
        table.write(place, Record(now if passed else record.last, excess, record.holders - 1))
        return excess


def _release(held: Sequence[tuple[Limit, Table, bytes]]) -> None:
    for _, table, key in held:
        with table:
            place = table.find(key)
            if place is not None:
                record = table.read(place)
                table.write(place, record._replace(holders=record.holders - 1))


def status(r: Request) -> bytes | None:
    """$limit_req_status."""
    return r.variables.get(_STATUS) if r.variables is not None else None


def compile_limit_req(block: Block, own: frozenset[str]) -> Handler:
    """The handler of the limits that hold in a block, for where there are some."""
    limits = tuple(_limit(each, own) for each in block.inherited("limit_req"))
    level: str = block.inherited("limit_req_log_level")
    delay_level = _LEVELS[min(_LEVELS.index(level) + 1, len(_LEVELS) - 1)]
    refusal: int = block.inherited("limit_req_status")
    dry: bool = block.inherited("limit_req_dry_run")
    mark, suffix = (", dry run", b"_DRY_RUN") if dry else ("", b"")

    def handler(r: Request) -> int:
        if status(r) is not None:
            return DECLINED
        asked = _keys(r, limits)
        if not asked:
            return DECLINED
        last_counts = asked[-1][0] is limits[-1]
        wait, excess, zone = decide(asked, int(r.worker.loop.now * 1000), last_counts)
        shown = f"excess: {excess // 1000}.{excess % 1000:03}"
        if wait is None:
            if excess >= 0:
                r.log_error(level, f'limiting requests{mark}, {shown} by zone "{zone}"')
            r.set_variables({_STATUS: b"REJECTED" + suffix})
            return DECLINED if dry else refusal
        if not wait:
            r.set_variables({_STATUS: b"PASSED"})
            return DECLINED
        r.log_error(delay_level, f'delaying request{mark}, {shown}, by zone "{zone}"')
        r.set_variables({_STATUS: b"DELAYED" + suffix})
        return DECLINED if dry else hold(r, wait / 1000, r.resume)

    return handler


def _limit(written: Written, own: frozenset[str]) -> Limit:
    zone = written.zone
    key = zone.key or ""
    return Limit(zone.name, compile_template(key, own), key, zone.rate, written.burst, written.delay)


def _keys(r: Request, limits: tuple[Limit, ...]) -> list[tuple[Limit, Table, bytes]]:
    """The limits whose key has a value."""
    zones = r.worker.conf.shared.zones
    found = []
    for limit in limits:
        key = limit.key(r)
        if len(key) > _LONGEST_KEY:
            shown = key.decode("utf-8", "surrogateescape")
            r.log_error(
                "error", f'the value of the "{limit.key_text}" key is more than 65535 bytes: "{shown}"'
            )
        elif key:
            found.append((limit, zones[limit.zone].table, key))
    return found
