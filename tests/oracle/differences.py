"""What is not compared, and what differs on purpose: each with its reason.

NORMALISED holds for both sides before they are compared; the pattern works on the octets of one part
of the outcome (`*`: all parts). ON_PURPOSE explains a difference that remains; a case names it
(`[differs=ID]`) and then fails should there be no difference any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DATE = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"


@dataclass(frozen=True, slots=True)
class Normalised:
    """`pattern` -> `replacement` in `part` of both outcomes."""

    id: str
    part: str
    pattern: re.Pattern[bytes]
    replacement: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class OnPurpose:
    """A difference that we want; `theirs` and `ours` must be found in the two rendered outcomes."""

    id: str
    theirs: re.Pattern[str]
    ours: re.Pattern[str]
    reason: str


NORMALISED = (
    Normalised(
        "date", "head", re.compile(rb"(?m)^Date: " + DATE + rb"\r$"), b"Date: {date}\r",
        "The time of the answer; its form is still compared.",
    ),
    Normalised(
        "version", "*", re.compile(rb"nginx/\d+\.\d+\.\d+"), b"nginx/{version}",
        "The version of the nginx that the answer claims to come from.",
    ),
    Normalised(
        "boundary", "*", re.compile(rb"\b\d{20}\b"), b"{boundary}",
        "nginx numbers its multipart boundaries from a random start.",
    ),
    Normalised(
        "log-time", "access", re.compile(rb"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"), b"{time}",
        "$time_local is the time of the answer.",
    ),
    Normalised(
        "iso-time", "access", re.compile(rb"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"), b"{iso}",
        "$time_iso8601 is the time of the answer.",
    ),
    Normalised(
        "msec", "access", re.compile(rb"\b\d{10}\.\d{3}\b"), b"{msec}",
        "$msec is the time of the answer.",
    ),
    Normalised(
        "seconds", "access", re.compile(rb"\b\d{1,2}\.\d{3}\b"), b"{seconds}",
        "$request_time and the $upstream_*_time measure the machine; that there is one, is compared.",
    ),
)  # fmt: skip

ON_PURPOSE: tuple[OnPurpose, ...] = ()


def normalise(part: str, data: bytes) -> bytes:
    for rule in NORMALISED:
        if rule.part in (part, "*"):
            data = rule.pattern.sub(rule.replacement, data)
    return data


def explained(theirs: list[str], ours: list[str], only: str | None = None) -> OnPurpose | None:
    """The reason that covers a difference of two rendered outcomes, if there is one."""
    left, right = "\n".join(theirs), "\n".join(ours)
    for item in ON_PURPOSE:
        if only in (None, item.id) and item.theirs.search(left) and item.ours.search(right):
            return item
    return None
