"""A configuration file -> running nginx: what the command line, the engine and `emulator proxy` call."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from glob import glob as real_glob
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx import conf as language
from emulator.nginx.conf import ConfError
from emulator.nginx.directives import complete, validate

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.compile import HttpConf
    from emulator.nginx.directives import Block

DEFAULT_CONF = "conf/nginx.conf"
OFFICIAL_CONF = "/etc/nginx/nginx.conf"


class Source(NamedTuple):
    """Where a configuration comes from: the main file, nginx's prefix, and `-g`'s directives."""

    file: str
    prefix: str
    extra: str = ""
    error_log: str | None = None


def read(source: Source, namespace: Namespace) -> tuple[Block, language.Conf]:
    """Parse and validate; raises ConfError."""

    def read_file(path: str) -> bytes:
        return _read_file(namespace.path(path))

    def glob(pattern: str) -> list[str]:
        return _glob(pattern, namespace)

    folder = os.path.dirname(source.file)  # noqa: PTH120
    extra: tuple[language.Node, ...] = ()
    if source.extra:
        extra = language.parse_parameter(source.extra, read_file, glob=glob, prefix=folder).nodes
    parsed = language.parse(source.file, read_file, glob=glob)
    return validate((*extra, *parsed.nodes), resolve=namespace.resolve, folder=folder), parsed


def _read_file(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()


def _glob(pattern: str, namespace: Namespace) -> list[str]:
    """Matches in the container's terms: the folder is the mount's, the names stay."""
    folder, _, last = pattern.rpartition("/")
    real = namespace.path(folder or "/")
    if real == folder:
        return sorted(real_glob(pattern))  # noqa: PTH207
    return sorted(f"{folder}/{os.path.basename(path)}" for path in real_glob(f"{real}/{last}"))  # noqa: PTH119, PTH207


def load(
    source: Source, namespace: Namespace, warn: Callable[[ConfError], None] = lambda warning: None
) -> HttpConf:
    """Everything up to the point where sockets would be opened; raises ConfError after its warnings."""
    from emulator.nginx import compile as compiler

    try:
        main, _ = read(source, namespace)
    except ConfError as error:
        for warning in error.warnings:
            warn(warning)
        raise
    for warning in main.state.warnings:
        warn(warning)
    complete(main)
    return compiler.load(main, source.prefix, namespace, source.error_log)


def check(source: Source, namespace: Namespace) -> None:
    """As `nginx -t`, silently; raises ConfError."""
    load(source, namespace)


def serve(source: Source, namespace: Namespace, ready: Callable[[], None] = lambda: None) -> int:
    """Run in the foreground until a signal ends it; `ready` is called when all listens; the exit code."""
    from emulator.nginx.master import Master

    try:
        conf = load(source, namespace, report)
        pid_path = os.path.join(source.prefix, conf.pid_path)  # noqa: PTH118
        master = Master(
            conf,
            namespace,
            lambda: load(source, namespace),
            namespace.path(pid_path),
            lambda: _report_ready(conf, namespace, ready),
        )
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        return master.run()
    except ConfError as error:
        report(error)
        return 1


def report(error: ConfError) -> None:
    """nginx's line for an error before it runs."""
    print(f"nginx: {error}", file=sys.stderr, flush=True)


def _report_ready(conf: HttpConf, namespace: Namespace, ready: Callable[[], None]) -> None:
    from emulator.ready import report_ready

    ready()
    for listener in conf.listeners:
        for real in listener.real_addresses(namespace):
            if isinstance(real, tuple):
                report_ready(*real)
