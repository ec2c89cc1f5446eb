"""`nginx -t` for each nginx of the settings, in this process and before anything is started.

A configuration that has passed is not checked again until a file of it changes: what the check would
cost is a tenth of the whole start. What a fingerprint cannot see (a file included from elsewhere) nginx
itself still refuses when it starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import __version__
from ..container.images import recipe
from ..settings import Service, Settings
from .state import CannotStart


def check(settings: Settings, services: Sequence[Service], passed: Path) -> None:
    """Raises CannotStart with nginx's own words; names resolve as they will when all services run."""
    nginxes = [service for service in services if recipe(service.image, settings.images).has_namespace]
    mark = "\n".join(_fingerprint(settings, nginxes))
    if not nginxes or (passed.exists() and passed.read_text() == mark):
        return
    from ..nginx.conf import ConfError
    from ..nginx.server import OFFICIAL_CONF, Source
    from ..nginx.server import check as check_nginx
    from ..procfile import namespace

    for service in nginxes:
        try:
            source = Source(OFFICIAL_CONF, "/etc/nginx", "daemon off;")
            check_nginx(source, namespace(settings, service))
        except ConfError as error:
            raise CannotStart(f"{service.name}: nginx: {error}") from None
    passed.write_text(mark)


def _fingerprint(settings: Settings, nginxes: Sequence[Service]) -> Iterator[str]:
    """Everything that the check looks at: versions, settings, and the files mounted into /etc."""
    yield __version__
    yield _mark(str(settings.file))
    for service in nginxes:
        for mount in service.mounts:
            if mount.type == "bind" and mount.target.startswith("/etc"):
                yield from sorted(map(_mark, _files(mount.source)))


def _files(path: str) -> Iterator[str]:
    if not os.path.isdir(path):  # noqa: PTH112
        yield path
    for folder, _, names in os.walk(path):
        yield from (f"{folder}/{name}" for name in names)


def _mark(path: str) -> str:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return f"{path} is missing"
    return f"{path} {found.st_mtime_ns} {found.st_size}"
