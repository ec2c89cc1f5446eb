"""How an engine is run."""

from __future__ import annotations

from typing import NamedTuple


class Way(NamedTuple):
    """`deploy`: what config.toml describes is made (`up`), or only what verbs ask for (`engine`).

    `stays`: its services outlive it and are the next engine's, as dockerd's are; what a plain `up` has
    made goes when it is stopped. `ready_fd` gets one line of JSON (socket, urls) when everything answers;
    the closing of the other end of `lifeline_fd` is as good as SIGTERM.
    """

    deploy: bool = True
    stays: bool = False
    fresh_addresses: bool = False
    fresh_volumes: bool = False
    quiet: bool = False
    ready_fd: int | None = None
    lifeline_fd: int | None = None
