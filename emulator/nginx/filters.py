"""The filters that a location really has, in nginx's order: headers, sub_filter, charset, gzip.

Each looks at a response's head before it is framed, and may attach a filter of the body. A family is
imported when a location uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.headers import compile_headers

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.request import Request

HeaderFilter = Callable[["Request"], None]


def compile_filters(block: Block, own: frozenset[str]) -> HeaderFilter | None:
    """One callable for all of them; None where there is nothing to do."""
    found: list[HeaderFilter | None] = [compile_headers(block, own)]
    if block.given("sub_filter"):
        from emulator.nginx.sub_filter import compile_sub_filter

        found.append(compile_sub_filter(block, own))
    if block.given("charset names") is not None and (
        block.given("charset", "off") != "off" or block.given("proxy_pass") is not None
    ):
        from emulator.nginx.charset import compile_charset

        found.append(compile_charset(block, own))
    if block.given("gzip"):
        from emulator.nginx.gzip import compile_gzip

        found.append(compile_gzip(block))
    if block.given("limit_rate", "0") != "0":
        from emulator.nginx.pace import compile_rate

        found.append(compile_rate(block, own))
    return _chain([each for each in found if each is not None])


def _chain(filters: list[HeaderFilter]) -> HeaderFilter | None:
    if len(filters) < 2:
        return filters[0] if filters else None

    def run(r: Request) -> None:
        for each in filters:
            each(r)

    return run
