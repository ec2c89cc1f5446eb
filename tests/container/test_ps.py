"""Which rows of ps are of a container."""

from __future__ import annotations

import pytest

from emulator.container.ps import chosen
from emulator.swarm.errors import SwarmError

PRINTED = """  PID COMMAND
    1 init
    7 sh -c 'a  b'
    - -
    9 other
    - -
"""


def test_the_rows_of_its_processes_and_of_their_threads_are_a_containers() -> None:
    assert chosen(PRINTED, {7}) == (["PID", "COMMAND"], [["7", "sh -c 'a  b'"], ["-", "-"]])
    assert chosen(PRINTED, set()) == (["PID", "COMMAND"], [])


def test_rows_without_a_pid_cannot_be_chosen() -> None:
    with pytest.raises(SwarmError, match="Couldn't find PID field in ps output"):
        chosen("CMD\nsh\n", {7})
