"""The table of paths: which module answers what."""

from __future__ import annotations

from .asking import Row
from .events import Events
from .verbs.containers import Containers
from .verbs.images import Images
from .verbs.networks import Networks
from .verbs.places import Places
from .verbs.refused import Refusing
from .verbs.services import Services
from .verbs.swarm import Swarm
from .verbs.system import System
from .verbs.volumes import Volumes
from .world import World


def table(world: World) -> list[Row]:
    """Method, path and handler; of two that fit a path the first is taken."""
    events = Events(world.store, world.loop.time, world.node_id)
    nouns = (
        System(world, events),
        Swarm(world),
        Services(world),
        Networks(world),
        Volumes(world),
        Containers(world, events),
        Images(world),
        Places(world),
        Refusing(world),
    )
    return [row for noun in nouns for row in noun.rows()]
