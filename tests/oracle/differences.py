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
        *("expires", "head"),
        re.compile(rb"(?m)^Expires: (?!Thu, 01 Jan 1970|Thu, 31 Dec 2037)" + DATE + rb"\r$"),
        b"Expires: {date}\r",
        "The time of the answer and what `expires` adds, which Cache-Control says as well, in seconds.",
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
    Normalised(
        *("excess", "error"),
        re.compile(rb"(?<=delaying request)(, dry run)?, excess: \d+\.\d{3}"),
        rb"\1, {excess}",
        "How much has flowed out since the last request depends on the millisecond; refusals are compared.",
    ),
    Normalised(
        "query-id", "error", re.compile(rb"(?<=query id:)\d+|(?<=expect )\d+|(?<=DNS response )\d+"), b"{id}",
        "Questions to name servers are numbered by chance.",
    ),
    Normalised(
        "timed-out", "error", re.compile(rb"110: (?:Operation|Connection) timed out"), b"110: {timed out}",
        "The wheel's nginx is linked with musl, whose strerror() words differ from glibc's, which we print.",
    ),
    Normalised(
        "not-available",
        "error",
        re.compile(rb"99: (?:Address not available|Cannot assign requested address)"),
        b"99: {not available}",
        "The same.",
    ),
    Normalised(
        "too-long", "error", re.compile(rb"36: File ?name too long"), b"36: {too long}",
        "The same.",
    ),
    Normalised(
        "hello", "upstream", re.compile(rb"\A\x16\x03[\s\S]*"), b"{hello}",
        "A TLS client's first message is made of random octets and of what its OpenSSL offers.",
    ),
    Normalised(
        "loop",
        "error",
        re.compile(rb"40: (?:Symbolic link loop|Too many levels of symbolic links)"),
        b"40: {loop}",
        "The same.",
    ),
)  # fmt: skip

ON_PURPOSE = (
    OnPurpose(
        "zero-size",
        re.compile(r"\[alert\] zero size buf in "),
        re.compile(r"^HTTP/1\.1 200 ", re.MULTILINE),
        "An answer that is converted to UTF-8 arrives. Where its end comes in a buffer of its own, nginx's"
        " writer finds that buffer empty, raises an alert and closes the connection.",
    ),
    OnPurpose(
        "interim",
        re.compile(r"^HTTP/1\.1 10[02] ", re.MULTILINE),
        re.compile(r"^HTTP/1\.1 200 ", re.MULTILINE),
        "An upstream's 100 or 102 is swallowed and the final answer delivered (RFC 9110, 15.2); nginx"
        " takes it for the answer and waits for a body until proxy_read_timeout.",
    ),
    OnPurpose(
        "head-body",
        re.compile(r"^<upstream \d> \[open\]", re.MULTILINE),
        re.compile(r"^<upstream \d> \[closed by the proxy\]", re.MULTILINE),
        "An upstream that sends a body with its answer to HEAD is not asked again on this connection: what is"
        " still on its way would answer the next request; nginx keeps the connection.",
    ),
    OnPurpose(
        "not-http",
        re.compile(r'" 00[09] \d+ "'),
        re.compile(r"^HTTP/1\.1 502 ", re.MULTILINE),
        "What is not an HTTP/1 answer is 502; nginx passes it to the client as HTTP/0.9.",
    ),
    OnPurpose(
        "unasked-101",
        re.compile(r"^HTTP/1\.1 101 ", re.MULTILINE),
        re.compile(r"^HTTP/1\.1 502 ", re.MULTILINE),
        "A 101 without an Upgrade request is 502; nginx opens a tunnel that nobody asked for.",
    ),
    OnPurpose(
        "length-in-204",
        re.compile(r"^Content-Length: \d", re.MULTILINE),
        re.compile(r"^HTTP/1\.1 204 ", re.MULTILINE),
        "An upstream's Content-Length is left out of a 204 (RFC 9110, 8.6); nginx passes it on, and a client"
        " may wait for a body.",
    ),
    OnPurpose(
        "host-percent",
        re.compile(r"^HTTP/1\.1 200 ", re.MULTILINE),
        re.compile(r"^HTTP/1\.1 400 ", re.MULTILINE),
        "A Host with a percent sign that encodes nothing is 400 (RFC 9112, 3.2); nginx takes it.",
    ),
    OnPurpose(
        "chunk-size",
        re.compile(r"^HTTP/1\.1 204 ", re.MULTILINE),
        re.compile(r"^HTTP/1\.1 400 ", re.MULTILINE),
        "What follows the size of a chunk without a semicolon is 400 (RFC 9112, 7.1); nginx reads past it.",
    ),
)


def normalise(part: str, data: bytes) -> bytes:
    for rule in NORMALISED:
        if rule.part in (part, "*"):
            data = rule.pattern.sub(rule.replacement, data)
    return data


def explains(id: str, theirs: list[str], ours: list[str]) -> bool:
    """Whether the difference of two rendered outcomes is the one that we want under this name."""
    return any(
        item.id == id and item.theirs.search("\n".join(theirs)) and item.ours.search("\n".join(ours))
        for item in ON_PURPOSE
    )


def table() -> str:
    """The differences on purpose as a table for the documentation."""
    rows = [f"| {item.id} | {item.reason} |" for item in ON_PURPOSE]
    return "\n".join(["| name | what differs, and why |", "|---|---|", *rows])
