"""The API's server: version prefix, Docker's headers, errors in Docker's shape."""

from __future__ import annotations

import json
import logging
import socket

from aiohttp import web

from .. import __version__
from ..swarm.errors import SwarmError
from .asking import Handler
from .node import API_VERSION, MINIMUM_VERSION
from .routes import table
from .world import World

_LARGEST_BODY = 4 << 20
_LOG = logging.getLogger("emulator.api")
_HEADERS = {
    "Api-Version": API_VERSION,
    "Docker-Experimental": "false",
    "Ostype": "linux",
    "Server": f"swarm-emulator/{__version__}",
}


class _TooOld(SwarmError):
    """A client from before errors were JSON."""


class Server:
    """Serves one world on a socket that already listens."""

    def __init__(self, world: World, sock: socket.socket) -> None:
        self._socket = sock
        app = web.Application(middlewares=[_in_dockers_shape], client_max_size=_LARGEST_BODY)
        app["clock"] = world.loop.time
        app["assure"], app["confirm"] = world.store.assure, world.store.confirm
        for method, path, handler in table(world):
            for prefix in ("", "/v{version:[0-9.]+}"):
                app.router.add_route(method, prefix + path, handler)
                if method == "GET" and path == "/_ping":
                    app.router.add_route("HEAD", prefix + path, handler)
        app.on_response_prepare.append(_add_headers)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)

    async def start(self) -> None:
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self) -> None:
        await self._runner.cleanup()


@web.middleware
async def _in_dockers_shape(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        request["early"] = True
        _check_version(request.match_info.get("version"))
        request["early"] = False
        if request.method not in ("POST", "DELETE"):
            return await handler(request)
        request.app["assure"]()
        answer = await handler(request)
        request.app["confirm"]()
        return answer
    except _TooOld as error:
        return _plain(str(error))
    except SwarmError as error:
        return _error(error.status, str(error))
    except web.HTTPRequestEntityTooLarge:
        return _error(400, "http: request body too large")
    except web.HTTPException as error:
        known = error.status in (404, 405)
        request["unknown"] = known
        return _error(404 if known else error.status, "page not found" if known else error.reason)
    except (ConnectionError, TimeoutError):
        raise
    except Exception:
        _LOG.exception("%s %s", request.method, request.path)
        return _error(500, "the emulator failed at this request; its own output says why")


def _check_version(text: str | None) -> None:
    if text is None:
        return
    try:
        wanted = _numbers(text)
    except ValueError:
        raise SwarmError(400, f"invalid version {text}") from None
    if wanted > _numbers(API_VERSION):
        raise SwarmError(
            400, f"client version {text} is too new. Maximum supported API version is {API_VERSION}"
        )
    if wanted < _numbers(MINIMUM_VERSION):
        raise _TooOld(
            400,
            f"client version {text} is too old. Minimum supported API version is {MINIMUM_VERSION}, "
            "please upgrade your client to a newer version",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _error(status: int, message: str) -> web.Response:
    body = json.dumps({"message": message}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return web.Response(status=status, body=body, content_type="application/json")


def _plain(message: str) -> web.Response:
    """Clients so old expect no JSON."""
    return web.Response(status=400, text=f"{message}\n", headers={"X-Content-Type-Options": "nosniff"})


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Docker's router knows its own answers only: a path that is none has none of its headers."""
    if not request.get("unknown"):
        response.headers.update(_HEADERS)
    if request.get("early"):
        del response.headers["Docker-Experimental"]
