"""Image name -> recipe: what running a container of that image means on this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..settings import Healthcheck, Image

# What the official nginx image has on its disk, in this package.
_LAYOUT = Path(__file__).parent / "layout"


class NoSuchImage(Exception):
    """Docker's words for an image that it cannot find."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No such image: {tagged(name)}")


class Recipe(NamedTuple):
    """A container without its container; `layout` are real paths at its own, `folders` empty ones."""

    name: str
    argv: tuple[str, ...]
    workdir: str = "/"
    folder: Path | None = None
    env: tuple[tuple[str, str], ...] = ()
    expose: tuple[int, ...] = ()
    stop_signal: str = "SIGTERM"
    layout: tuple[tuple[str, str], ...] = ()
    folders: tuple[str, ...] = ()
    has_namespace: bool = False
    entrypoint: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    programs: tuple[tuple[str, tuple[str, ...]], ...] = ()  # its own programs, and what runs for them here

    def command(
        self, entrypoint: tuple[str, ...] | None = None, args: tuple[str, ...] | None = None
    ) -> tuple[str, ...]:
        """What Docker would run: an entrypoint of the service's own leaves the image's command out."""
        if entrypoint:
            return (*entrypoint, *(args or ()))
        return (*self.entrypoint, *(args or self.argv))

    def real(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """The same with a program that only the image has as what runs for it on this machine."""
        own = dict(self.programs).get(command[0]) if command else None
        return (*own, *command[1:]) if own else command


def recipe(name: str, images: Iterable[Image]) -> Recipe:
    """The recipe of an image: the user's own first, then the official nginx of any tag."""
    wanted = familiar(name)
    own = {familiar(image.name): image for image in images}
    image = own.get(wanted) or own.get(wanted.partition(":")[0])
    if image is not None:
        return _from_settings(image)
    if wanted.partition(":")[0] == "nginx":
        return _nginx(name)
    raise NoSuchImage(name)


def familiar(name: str) -> str:
    """Docker's short form: no digest, no default registry, no `latest`."""
    name = name.partition("@")[0].removeprefix("docker.io/").removeprefix("library/")
    return name.removesuffix(":latest")


def tagged(name: str) -> str:
    """The name with the tag that Docker would take."""
    return name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"


def _from_settings(image: Image) -> Recipe:
    return Recipe(
        name=tagged(image.name),
        argv=image.command,
        workdir=image.workdir,
        folder=image.folder,
        env=image.env,
        expose=image.expose,
        stop_signal=image.stop_signal,
        layout=tuple((target, str(path)) for target, path in image.paths),
        entrypoint=image.entrypoint,
        healthcheck=image.healthcheck,
    )


def _nginx(name: str) -> Recipe:
    """The official image: /etc/nginx, /usr/share/nginx/html, logs to the streams, STOPSIGNAL SIGQUIT.

    It needs nothing of site-packages, so its interpreter does without `site`: a sixth of its start.
    """
    program = (sys.executable, "-S", "-m", "emulator.nginx")
    return Recipe(
        name=tagged(name),
        argv=("nginx", "-g", "daemon off;"),
        expose=(80,),
        stop_signal="SIGQUIT",
        layout=(
            ("/etc/nginx", str(_LAYOUT / "etc/nginx")),
            ("/usr/share/nginx/html", str(_LAYOUT / "usr/share/nginx/html")),
            ("/var/log/nginx/access.log", "/dev/stdout"),
            ("/var/log/nginx/error.log", "/dev/stderr"),
            ("/dev", "/dev"),
        ),
        folders=("/run", "/var/run", "/var/cache/nginx", "/tmp"),
        has_namespace=True,
        programs=(("nginx", program), ("/usr/sbin/nginx", program)),
    )
