"""Runs first in every Python process of a task, then hands on to the user's own sitecustomize."""

import sys


def _begin() -> None:
    """In a task, take the shim's place; elsewhere do nothing. The folder does not stay on sys.path."""
    import os

    here = os.path.dirname(__file__)  # noqa: PTH120 (pathlib would cost more than all the rest)
    try:
        if "EMULATOR_TASK" in os.environ:
            __import__("emulator_shim").install()
    except Exception as error:  # a task must start, whatever is wrong with its shim
        if "EMULATOR_DEBUG" in os.environ:
            sys.stderr.write(f"emulator shim: {error!r}\n")
    finally:
        sys.path[:] = [entry for entry in sys.path if entry != here]


def _hand_on() -> None:
    own = sys.modules.pop("sitecustomize", None)
    try:
        __import__("sitecustomize")  # the next one on the path
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        if own is not None:
            sys.modules["sitecustomize"] = own


_begin()
_hand_on()
