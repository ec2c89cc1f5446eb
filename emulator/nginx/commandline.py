"""nginx's command line: its options, what it prints, and which way each leads.

The options are read as ngx_get_options reads them: letters may share a dash, and what an option takes
may follow it directly or as the next word.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx import official
from emulator.nginx.conf import ConfError

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.server import Source
    from emulator.nginx.startlog import StartLog

_SIGNALS = {"stop": "SIGTERM", "quit": "SIGQUIT", "reopen": "SIGUSR1", "reload": "SIGHUP"}
_TAKES = {
    "p": ("prefix", "directory name"),
    "e": ("error_log", "file name"),
    "c": ("conf", "file name"),
    "g": ("directives", "parameter"),
    "s": ("signal", "parameter"),
}
_USAGE = f"""\
Usage: nginx [-?hvVtTq] [-s signal] [-p prefix]
             [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: {official.PREFIX}/)
  -e filename   : set error log file (default: {official.ERROR_LOG})
  -c filename   : set configuration file (default: {official.CONF})
  -g directives : set global directives out of configuration file
"""


class BadOption(ValueError):
    """An option that nginx does not take, in its words."""


class Options(NamedTuple):
    """The command line as read; None where an option was not given."""

    help: bool = False
    version: bool = False
    configure: bool = False
    test: bool = False
    dump: bool = False
    quiet: bool = False
    prefix: str | None = None
    error_log: str | None = None
    conf: str | None = None
    directives: str | None = None
    signal: str | None = None

    @property
    def full_prefix(self) -> str:
        """The prefix as nginx joins it: always with a slash at its end."""
        prefix = self.prefix or official.PREFIX
        return prefix if prefix.endswith("/") else prefix + "/"

    @property
    def conf_file(self) -> str:
        """The configuration file: a relative one is under the prefix."""
        conf = self.conf or official.CONF
        return conf if conf.startswith("/") else self.full_prefix + conf


_FLAGS = {
    "?": ("version", "help"),
    "h": ("version", "help"),
    "v": ("version",),
    "V": ("version", "configure"),
    "t": ("test",),
    "T": ("test", "dump"),
    "q": ("quiet",),
}


def parse_options(argv: Sequence[str]) -> Options:
    """Read the words after `nginx`; raises BadOption."""
    found: dict[str, bool | str] = {}
    words = iter(argv)
    for word in words:
        if not word.startswith("-"):
            raise BadOption(f'invalid option: "{word}"')
        for at, letter in enumerate(word[1:], 2):
            if letter in _TAKES:
                name, what = _TAKES[letter]
                value = word[at:] or next(words, None)
                if value is None:
                    raise BadOption(f'option "-{letter}" requires {what}')
                if letter == "s" and value not in _SIGNALS:
                    raise BadOption(f'invalid option: "-s {value}"')
                found[name] = value
                break
            if letter not in _FLAGS:
                raise BadOption(f'invalid option: "{letter}"')
            found.update((name, True) for name in _FLAGS[letter])
    return Options(**found)  # type: ignore[arg-type]


def main(argv: Sequence[str]) -> int:
    """Run one command line; the exit code is nginx's."""
    try:
        options = parse_options(argv)
    except BadOption as error:
        _say(str(error))
        return 1
    if options.version:
        _show_version(options)
        if not options.test:
            return 0
    from emulator.nginx.server import Source

    source = Source(options.conf_file, options.full_prefix, options.directives or "", options.error_log)
    namespace = _namespace()
    from emulator.nginx.startlog import StartLog

    path = options.error_log
    if path is not None and path != "stderr":
        path = namespace.path(os.path.join(source.prefix, path))  # noqa: PTH118
    log = StartLog(path)
    if options.test:
        return _test(options, source, namespace, log)
    if options.signal is not None:
        return _send_signal(options.signal, source, namespace, log)
    from emulator.nginx.server import serve

    return serve(source, namespace, report=log.report)


def check(source: Source, namespace: Namespace) -> int:
    """`-t` for a configuration of another namespace than this process's; the exit code."""
    from emulator.nginx.startlog import StartLog

    return _test(parse_options(("-t",)), source, namespace, StartLog(None))


def _namespace() -> Namespace:
    if "EMULATOR_NAMESPACE" in os.environ:
        from emulator.tasknamespace import TaskNamespace

        task = TaskNamespace.from_environment()
        if task is not None:
            return task
    from emulator.namespace import HostNamespace

    return HostNamespace()


def _say(text: str) -> None:
    print(f"nginx: {text}", file=sys.stderr, flush=True)


def _show_version(options: Options) -> None:
    print(f"nginx version: nginx/{official.VERSION}", file=sys.stderr)
    if options.help:
        print(_USAGE, file=sys.stderr)
    if options.configure:
        print(f"configure arguments: --prefix={official.PREFIX} --conf-path={official.CONF}", file=sys.stderr)
    sys.stderr.flush()


def _test(options: Options, source: Source, namespace: Namespace, log: StartLog) -> int:
    """`-t` and `-T`: the verdict on stderr, the dump on stdout."""
    from emulator.nginx import compile as compiler
    from emulator.nginx import server, sockets, testing
    from emulator.nginx.directives import complete

    try:
        main_block, conf = server.read(source, namespace)
        for warning in main_block.state.warnings:
            log.report(warning)
        if not options.quiet:
            _say(f"the configuration file {source.file} syntax is ok")
        complete(main_block)
        testing.try_files_and_folders(main_block, source.prefix, namespace)
        compiled = compiler.load(main_block, source.prefix, namespace, source.error_log)
        sockets.try_to_bind(compiled.listeners, namespace)
    except ConfError as error:
        for warning in error.warnings:
            log.report(warning)
        log.report(error)
        _say(f"configuration file {source.file} test failed")
        return 1
    if not options.quiet:
        _say(f"configuration file {source.file} test is successful")
    if options.dump:
        sys.stdout.buffer.write(conf.dump())
        sys.stdout.flush()
    return 0


def _send_signal(name: str, source: Source, namespace: Namespace, log: StartLog) -> int:
    """As ngx_signal_process: the master's process id is in the file that `pid` names."""
    import signal

    from emulator.nginx import server

    try:
        main_block, _ = server.read(source, namespace)
    except ConfError as error:
        log.report(error)
        return 1
    log("notice", "signal process started")
    path = main_block.inherited("pid")
    path = path if path.startswith("/") else source.prefix + path
    try:
        with open(namespace.path(path), encoding="ascii") as file:  # noqa: PTH123
            text = file.read().rstrip("\r\n")
    except OSError as error:
        log("error", f'open() "{path}" failed ({error.errno}: {os.strerror(error.errno or 0)})')
        return 1
    if not text.isdigit():
        log("error", f'invalid PID number "{text}" in "{path}"')
        return 1
    number = getattr(signal, _SIGNALS[name])
    try:
        os.kill(int(text), number)
    except OSError as error:
        log("alert", f"kill({text}, {int(number)}) failed ({error.errno}: {os.strerror(error.errno or 0)})")
        return 1
    return 0
