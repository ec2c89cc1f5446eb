"""`nginx -t` for each nginx of the settings, in this process and before anything is started."""

from __future__ import annotations

from collections.abc import Sequence

from ..container.images import recipe
from ..procfile import namespace
from ..settings import Service, Settings
from .state import CannotStart


def check(settings: Settings, services: Sequence[Service]) -> None:
    """Raises CannotStart with nginx's own words; names resolve as they will when all services run."""
    nginxes = [service for service in services if recipe(service.image, settings.images).has_namespace]
    if not nginxes:
        return
    from ..nginx.conf import ConfError
    from ..nginx.server import OFFICIAL_CONF, Source
    from ..nginx.server import check as check_nginx

    for service in nginxes:
        try:
            source = Source(OFFICIAL_CONF, "/etc/nginx", "daemon off;")
            check_nginx(source, namespace(settings, service))
        except ConfError as error:
            raise CannotStart(f"{service.name}: nginx: {error}") from None
