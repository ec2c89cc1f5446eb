"""`emulator proxy`: the published ports, served by nginx in this process, for a Procfile's replicas."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emulator.cli.file import file_option, settings_of

if TYPE_CHECKING:
    from emulator.settings import Service, Settings


@click.command()
@click.argument("service", required=False)
@click.option("-t", "--test", is_flag=True, help="Only check its configuration, in nginx's words.")
@file_option
def proxy(service: str | None, test: bool, file: Path | None) -> None:
    """Serve what nginx publishes, from the replicas that a Procfile runs; or check its files."""
    settings = settings_of(file)
    front = chosen(settings, service)
    if front is None:
        what = "no service runs nginx" if service is None else f"no service {service} that runs nginx"
        print(f"{settings.file.name}: {what}, or more than one: name it", file=sys.stderr)
        sys.exit(2)
    from emulator.nginx.server import OFFICIAL_CONF, Source, serve
    from emulator.procfile import namespace

    urls = " ".join(port.url for port in front.ports)
    source = Source(OFFICIAL_CONF, "/etc/nginx", "daemon off;")
    if test:
        from emulator.nginx.commandline import check

        sys.exit(check(source, namespace(settings, front)))
    sys.exit(serve(source, namespace(settings, front), lambda: print(urls, flush=True)))


def chosen(settings: Settings, name: str | None) -> Service | None:
    """The service of that name that runs nginx; without a name, the only one."""
    from emulator.procfile import proxies

    found = [service for service in proxies(settings) if name in (None, service.name)]
    return found[0] if len(found) == 1 else None
