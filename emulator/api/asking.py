"""What all verbs need of a request and of the world: its body, its flags, the answer, who may ask."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ..swarm.errors import SwarmError
from ..swarm.membership import NO_MANAGER
from .body import Part, bad, read
from .world import World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Row = tuple[str, str, Handler]


def answer(value: Any, status: int = 200) -> web.Response:
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return web.Response(body=body, content_type="application/json", status=status)


def done(status: int = 204) -> web.Response:
    return web.Response(status=status)


def name(request: web.Request) -> str:
    return request.match_info["name"]


def flag(request: web.Request, key: str) -> bool:
    """As moby's httputils.BoolValue."""
    return request.query.get(key, "").strip().lower() not in ("", "0", "no", "false", "none")


async def body(request: web.Request, struct: str) -> Part:
    """The body as one object of Docker's type `struct`."""
    return read(await text(request), struct)


async def text(request: web.Request) -> str:
    """A body with a content type that is not JSON is refused, as moby's CheckForJSON does."""
    kind = request.headers.get("Content-Type", "")
    found = await request.read()
    if found and kind and request.content_type not in ("application/json", "text/plain"):
        raise bad(f"Content-Type specified ({kind}) must be 'application/json'")
    try:
        return found.decode()
    except UnicodeDecodeError:
        raise bad("invalid character '\\ufffd' looking for beginning of value") from None


def version(request: web.Request, kind: str) -> int:
    """`?version=`, with the words of Go's strconv for what is none."""
    found = request.query.get("version", "")
    if found.isascii() and found.isdigit() and int(found) < 1 << 64:
        return int(found)
    why = "value out of range" if found.isascii() and found.isdigit() else "invalid syntax"
    raise bad(f"invalid {kind} version '{found}': strconv.ParseUint: parsing \"{found}\": {why}")


def manager(world: World) -> None:
    """Raises what dockerd answers where there is no swarm."""
    if world.store.cluster is None:
        raise SwarmError(503, NO_MANAGER)
