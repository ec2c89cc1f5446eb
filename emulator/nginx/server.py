"""A configuration file -> running nginx: what the command line, the engine and `emulator proxy` call."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from glob import glob as real_glob
from typing import TYPE_CHECKING, NamedTuple

from emulator.namespace import HostNamespace
from emulator.nginx import conf as language
from emulator.nginx import official
from emulator.nginx.conf import ConfError
from emulator.nginx.directives import complete, validate

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.compile import HttpConf
    from emulator.nginx.directives import Block
    from emulator.nginx.master import Master

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
    main = validate((*extra, *parsed.nodes), resolve=namespace.resolve, folder=folder, path=namespace.path)
    if isinstance(namespace, HostNamespace):
        check_user(main)
    return main, parsed


def check_user(main: Block) -> None:
    """As ngx_set_user; whoever the official image has is known here, too (a task runs as its starter)."""
    node = main.written("user")
    if node is None:
        return
    main.state.at = node
    if os.geteuid() != 0:
        main.state.warn(
            'the "user" directive makes sense only if the master process runs with super-user privileges, '
            "ignored"
        )
        return
    import grp
    import pwd

    name, group = (*node.args, node.args[0])[:2]
    if name not in official.USERS and not _has(pwd.getpwnam, name):
        raise ConfError(f'getpwnam("{name}") failed', node.file, node.line)
    if group not in official.USERS and not _has(grp.getgrnam, group):
        raise ConfError(f'getgrnam("{group}") failed', node.file, node.line)


def _has(look_up: Callable[[str], object], name: str) -> bool:
    try:
        look_up(name)
    except KeyError:
        return False
    return True


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


def serve(
    source: Source,
    namespace: Namespace,
    ready: Callable[[], None] = lambda: None,
    report: Callable[[ConfError], None] | None = None,
) -> int:
    """Run in the foreground until a signal ends it; `ready` is called when all listens; the exit code."""
    say = report or _print
    try:
        conf = load(source, namespace, say)
        master = _kind(conf)(
            conf,
            namespace,
            lambda warn: load(source, namespace, warn),
            lambda conf: namespace.path(os.path.join(source.prefix, conf.pid_path)),  # noqa: PTH118
            lambda: _report_ready(conf, namespace, ready),
        )
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        return master.run()
    except ConfError as error:
        say(error)
        return 1


def _kind(conf: HttpConf) -> type[Master]:
    if conf.master_process:
        from emulator.nginx.master import Master

        return Master
    from emulator.nginx.single import SingleProcess

    return SingleProcess


def _print(error: ConfError) -> None:
    """nginx's line for an error before it runs."""
    print(f"nginx: {error}", file=sys.stderr, flush=True)


def _report_ready(conf: HttpConf, namespace: Namespace, ready: Callable[[], None]) -> None:
    from emulator.ready import report_ready

    ready()
    for listener in conf.listeners:
        for real in listener.real_addresses(namespace):
            if isinstance(real, tuple):
                report_ready(*real)
