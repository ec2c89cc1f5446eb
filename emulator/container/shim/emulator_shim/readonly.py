"""Mounts that may not be written: to open, make or remove below them fails as on a read-only file system.

An audit hook, so that it holds for every way of Python's to a file. What is not Python is not held back:
there is no mount under a plain process.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Which arguments of an event are paths that would change.
_CHANGES = {
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.mkdir": (0,),
    "os.rename": (0, 1),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.utime": (0,),
    "os.setxattr": (0,),
    "os.removexattr": (0,),
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def install(described: str) -> None:
    """`ro=PATH` and `rw=PATH`, joined; of those that fit a path the longest counts."""
    pairs = (rule.partition("=") for rule in described.split(os.pathsep))
    rules = sorted(((path, kind == "ro") for kind, _, path in pairs), key=lambda rule: -len(rule[0]))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if arguments[2] & _WRITES:
                _check(rules, arguments[0])
        elif event in _CHANGES:
            for index in _CHANGES[event]:
                _check(rules, arguments[index])

    sys.addaudithook(hook)


def _check(rules: list[tuple[str, bool]], path: Any) -> None:
    if not isinstance(path, (str, bytes)):
        return
    text = os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(path)))  # noqa: PTH109, PTH118
    for prefix, refused in rules:
        if text == prefix or text.startswith(prefix + "/"):
            if refused:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
            return
