"""`docker top` with arguments: of what this machine's ps prints the container's rows (daemon/top_unix.go)."""

from __future__ import annotations

import re
from collections.abc import Collection

from ..swarm.errors import SwarmError

# ps can call a column of another kind PID.
_DISGUISED = re.compile(r"\s+(\S*)=\s*(PID\S*)")
_LONGEST = 10.0


def listing(arguments: str, pids: Collection[int]) -> tuple[list[str], list[list[str]]]:
    """Titles and rows; what ps says against its arguments is told in its words."""
    import subprocess

    for name, shown in _DISGUISED.findall(f" {arguments}"):
        if name != "pid":
            raise SwarmError(500, f'specifying "{name}={shown}" is not allowed')
    try:
        done = subprocess.run(["ps", *arguments.split()], capture_output=True, timeout=_LONGEST)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SwarmError(500, f"ps: {error}") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").splitlines()
        raise SwarmError(
            500, f"ps: {told[0].removeprefix('ps: ') if told else f'exit status {done.returncode}'}"
        )
    return chosen(done.stdout.decode(errors="replace"), pids)


def chosen(printed: str, pids: Collection[int]) -> tuple[list[str], list[list[str]]]:
    """A row that has "-" for its PID belongs to the process above, as threads do."""
    head, *lines = printed.splitlines() or [""]
    titles = head.split()
    if "PID" not in titles:
        raise SwarmError(500, "Couldn't find PID field in ps output")
    column, rows, inside = titles.index("PID"), [], False
    for fields in (line.split(None, len(titles) - 1) for line in lines if line.strip()):
        if fields[column] != "-":
            inside = int(fields[column]) in pids
        if inside:
            rows.append([*fields[:-1], fields[-1].rstrip()])
    return titles, rows
