"""limit_conn: how many requests of one key are served at once (ngx_http_limit_conn_module.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx.request import DECLINED, Handler, Request
from emulator.nginx.variables import Template, compile_template
from emulator.nginx.zones import Record, Table

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.limit_conn import Limit as Written

_LONGEST_KEY = 255
_STATUS = " limit_conn_status"


class Limit(NamedTuple):
    """One limit_conn with its zone's key."""

    zone: str
    key: Template
    key_text: str
    most: int


def status(r: Request) -> bytes | None:
    """$limit_conn_status."""
    return r.variables.get(_STATUS) if r.variables is not None else None


def enter(table: Table, key: bytes, most: int) -> bool:
    """Count one more of a key, unless there are enough of it."""
    with table:
        place = table.find(key)
        if place is None:
            place = table.add(key)
            if place is None:
                return False
        count = table.read(place).holders
        if count >= most:
            return False
        table.write(place, Record(0, 0, count + 1))
        return True


def leave(table: Table, key: bytes) -> None:
    with table:
        place = table.find(key)
        if place is None:
            return
        count = table.read(place).holders
        if count > 1:
            table.write(place, Record(0, 0, count - 1))
        else:
            table.free(place)


def compile_limit_conn(block: Block, own: frozenset[str]) -> Handler:
    """The handler of the limits that hold in a block, for where there are some."""
    limits = tuple(_limit(each, own) for each in block.inherited("limit_conn"))
    level: str = block.inherited("limit_conn_log_level")
    refusal: int = block.inherited("limit_conn_status")
    dry: bool = block.inherited("limit_conn_dry_run")
    mark, suffix = (", dry run,", b"_DRY_RUN") if dry else ("", b"")

    def handler(r: Request) -> int:
        if status(r) is not None:
            return DECLINED
        entered: list[Callable[[], None]] = []
        for limit in limits:
            key = _key(r, limit)
            if not key:
                continue
            r.set_variables({_STATUS: b"PASSED"})
            table = r.worker.conf.shared.zones[limit.zone].table
            if enter(table, key, limit.most):
                entered.append(lambda table=table, key=key: leave(table, key))  # type: ignore[misc]
                continue
            r.log_error(level, f'limiting connections{mark} by zone "{limit.zone}"')
            for each in entered:
                each()
            r.set_variables({_STATUS: b"REJECTED" + suffix})
            return DECLINED if dry else refusal
        for each in entered:
            r.at_end(each)
        return DECLINED

    return handler


def _limit(written: Written, own: frozenset[str]) -> Limit:
    key = written.zone.key or ""
    return Limit(written.zone.name, compile_template(key, own), key, written.most)


def _key(r: Request, limit: Limit) -> bytes:
    key = limit.key(r)
    if len(key) <= _LONGEST_KEY:
        return key
    shown = key.decode("utf-8", "surrogateescape")
    r.log_error("error", f'the value of the "{limit.key_text}" key is more than 255 bytes: "{shown}"')
    return b""
