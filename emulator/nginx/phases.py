"""What stands around the rewrite phase: post-read before it, preaccess and access after it.

A handler of the access phase says OK (this client may), DECLINED (no opinion) or a status; `satisfy` makes
one verdict of them (ngx_http_core_access_phase, ngx_http_core_post_access_phase). A family is imported
when a location uses one of its directives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.request import DECLINED, OK, Handler, Request

if TYPE_CHECKING:
    from emulator.nginx.directives import Block

Refuse = Callable[[Request, int], int]

_REFUSED = "refused by the access phase"


def compile_post_read(server: Block) -> tuple[Handler, ...]:
    """What a server does before its rewrite phase."""
    return _realip(server)


def compile_phases(block: Block, own: frozenset[str]) -> tuple[Handler, ...]:
    """The handlers of a location's preaccess and access phases; none where nothing is asked."""
    refuse = _refuser(block.inherited("auth_delay") / 1000)
    access = access_phase(_access(block, own), block.inherited("satisfy"), refuse)
    return (*_realip(block), *_limits(block, own), *access)


def _realip(block: Block) -> tuple[Handler, ...]:
    if not block.given("set_real_ip_from"):
        return ()
    from emulator.nginx.realip import compile_realip

    return (compile_realip(block),)


def _limits(block: Block, own: frozenset[str]) -> tuple[Handler, ...]:
    found: tuple[Handler, ...] = ()
    if block.given("limit_req"):
        from emulator.nginx.limit_req import compile_limit_req

        found = (compile_limit_req(block, own),)
    if block.given("limit_conn"):
        from emulator.nginx.limit_conn import compile_limit_conn

        found = (*found, compile_limit_conn(block, own))
    return found


def _access(block: Block, own: frozenset[str]) -> list[Handler]:
    found: list[Handler | None] = []
    if block.given("access rules"):
        from emulator.nginx.access import compile_access

        found.append(compile_access(block))
    if block.given("auth_basic") is not None:
        from emulator.nginx.auth_basic import compile_auth_basic

        found.append(compile_auth_basic(block, own))
    if (block.given("auth_request") or "off") != "off":
        from emulator.nginx.auth_request import compile_auth_request

        found.append(compile_auth_request(block, own))
    return [each for each in found if each is not None]


def _refuser(delay: float) -> Refuse:
    """What becomes of a refusal: with auth_delay, a 401 is held back (ngx_http_core_auth_delay)."""
    if not delay:
        return lambda r, status: status

    def refuse(r: Request, status: int) -> int:
        if status != 401:
            return status
        from emulator.nginx.hold import hold

        r.log_error("info", "delaying unauthorized request")
        return hold(r, delay, lambda: r.finalize(401))

    return refuse


def access_phase(checks: list[Handler], satisfy: str, refuse: Refuse) -> tuple[Handler, ...]:
    """With `all` each check may refuse; with `any` one that agrees is enough."""
    if satisfy == "all":
        return tuple(_must(check, refuse) for check in checks)
    steps = tuple(_may(check, len(checks) - place) for place, check in enumerate(checks))
    return (*steps, _verdict(refuse)) if steps else ()


def _must(check: Handler, refuse: Refuse) -> Handler:
    def step(r: Request) -> int:
        result = DECLINED if r.subrequest else check(r)
        if result == OK:
            return DECLINED
        return refuse(r, result) if result == 401 else result

    return step


def _may(check: Handler, left: int) -> Handler:
    """A check that need not agree; `left` handlers of this phase follow it, the verdict included."""

    def step(r: Request) -> int:
        result = DECLINED if r.subrequest else check(r)
        if result == OK:
            r.headers_out = [field for field in r.headers_out if field[0] != b"WWW-Authenticate"]
            r.phase += left
            return DECLINED
        if result not in (401, 403):
            return result
        if r.ctx is None:
            r.ctx = {}
        if r.ctx.get(_REFUSED) != 401:
            r.ctx[_REFUSED] = result
        return DECLINED

    return step


def _verdict(refuse: Refuse) -> Handler:
    def step(r: Request) -> int:
        refused: int | None = r.ctx.pop(_REFUSED, None) if r.ctx is not None else None
        if refused is None:
            return DECLINED
        if refused == 403:
            r.log_error("error", "access forbidden by rule")
        return refuse(r, refused)

    return step
