"""ngx_http_module: the http block, and what nginx does when it has read it.

The order is ngx_http_block's: each module completes its part and merges values from the outside in, then
locations are put in order, unknown variables found, and server names compared, so that of several
mistakes the one named is the one nginx names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from emulator.nginx import variablenames
from emulator.nginx.conf import ConfError
from emulator.nginx.directives import Block, Context, Directive
from emulator.nginx.modules import http_core, listen, location, proxy, upstream
from emulator.nginx.rows import NONE, M, row
from emulator.nginx.variables import is_implemented

MODULE = "ngx_http_module"


def _everywhere(merge: Callable[[Block], None]) -> Callable[[Block], None]:
    """A merge of every server and location."""

    def complete(http: Block) -> None:
        for server in http.blocks("server"):
            for block in _inside_out(server):
                merge(block)

    return complete


def complete_http(http: Block) -> None:
    _everywhere(http_core.merge)(http)
    for merge in http.state.merges:
        merge()
    for complete in (upstream.resolve, _everywhere(proxy.merge)):
        complete(http)
    for server in http.blocks("server"):
        location.refuse_duplicates(server)
    refuse_unknown_variables(http)
    listen.warn_of_conflicts(http)


def _inside_out(block: Block) -> Iterator[Block]:
    yield block
    for entry in block.entries:
        if entry.block is not None and entry.block.context is not Context.TYPES:
            yield from _inside_out(entry.block)


def refuse_unknown_variables(http: Block) -> None:
    """As ngx_http_variables_init_vars, in the order of first use."""
    state = http.state
    for name in state.used:
        name = name.lower()
        if name in state.variables:
            continue
        if not variablenames.is_known(name):
            raise ConfError(f'unknown "{name}" variable')
        if not is_implemented(name):
            raise ConfError(f'the "{name}" variable is not supported by the emulator yet')


DIRECTIVES: tuple[Directive, ...] = (
    row("http", M, NONE, "Everything about HTTP.", block=Context.HTTP, finish=complete_http),
)
