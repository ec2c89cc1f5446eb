"""The composition root: joins the rooms, starts and stops everything in order.

It may import every room but `cli`; nothing but `cli` imports it. What is needed only later (asyncio,
aiohttp, the nginx room) is imported when it is.
"""

from __future__ import annotations

from ..settings import Settings


def run(
    settings: Settings,
    *,
    fresh_addresses: bool = False,
    quiet: bool = False,
    ready_fd: int | None = None,
    lifeline_fd: int | None = None,
) -> int:
    """Run what the settings describe until a signal ends it; the exit code.

    `ready_fd` gets one line of JSON (socket, urls) when everything answers; the closing of the other
    end of `lifeline_fd` is as good as SIGTERM.
    """
    from ..container import guardian
    from ..swarm.identity import object_id

    run_id = object_id()
    keeper = guardian.start(run_id)

    from ..container.process import keep_descriptors
    from .console import Console
    from .engine import Engine
    from .state import CannotStart, State

    keep_descriptors()
    console = Console(settings, quiet=quiet)
    try:
        with State(settings.emulator.state) as state:
            state.clear_leftovers(console)
            engine = Engine(settings, state, keeper, console, run_id, fresh_addresses=fresh_addresses)
            return engine.run(ready_fd, lifeline_fd)
    except KeyboardInterrupt:
        return 130
    except CannotStart as error:
        console.error(str(error))
        return 1
    finally:
        keeper.close()
        console.flush()
