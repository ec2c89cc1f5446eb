"""The composition root: joins the rooms, starts and stops everything in order.

It may import every room but `cli`; nothing but `cli` imports it. What is needed only later (asyncio,
aiohttp, the nginx room) is imported when it is.
"""

from __future__ import annotations

from ..settings import Settings
from .way import Way


def run(settings: Settings, way: Way) -> int:
    """Run what the settings describe until a signal ends it; the exit code."""
    from ..container import guardian
    from ..swarm.identity import object_id

    run_id = object_id()
    keeper = guardian.start(run_id)

    from ..container.process import keep_descriptors
    from .console import Console
    from .engine import Engine
    from .state import CannotStart, State

    keep_descriptors()
    console = Console(settings, quiet=way.quiet)
    try:
        with State(settings.emulator.state) as state:
            state.clear_leftovers(console.note)
            return Engine(settings, state, keeper, console, run_id, way).run()
    except KeyboardInterrupt:
        return 130
    except CannotStart as error:
        console.error(str(error))
        return 1
    finally:
        keeper.close()
        console.flush()
