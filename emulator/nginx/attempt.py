"""What `$upstream_…` variables know of each peer a request went to, in the order of the tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

from emulator.http1.message import Header, ResponseHead


class Upstream(Protocol):
    """Whoever a request was handed to, as variables, logs and the client's connection know it."""

    head: ResponseHead | None
    trailers: list[Header] | None

    def tries(self) -> Sequence[Attempt | None]:
        """All that was tried so far, also by earlier ones (see `log_value`)."""

    def log_value(self, attribute: str) -> bytes | None:
        """The value of `$upstream_<attribute>`."""

    def circumstances(self) -> tuple[str, str] | None:
        """What is being done with which URL, for the error log; None before there is a peer."""

    def moved_on(self) -> None:
        """The request goes on at another URI: nothing is being done with the upstream any more."""

    def client_gone(self) -> None:
        """The client has closed its side."""

    def close(self) -> None:
        """Let go of everything; idempotent."""


# what is being done, as nginx's error log words it
CONNECTING = "connecting to upstream"
SENDING = "sending request to upstream"
READING_HEAD = "reading response header from upstream"
READING = "reading upstream"
ANSWERING = "sending to client"


class Attempt:
    """One connection to one peer; times are the loop's, lengths in octets."""

    address = ""
    doing = CONNECTING
    connected: float | None = None
    header_at: float | None = None
    ended: float | None = None
    status = 0
    length = 0
    received = 0
    sent = 0

    def __init__(self, now: float) -> None:
        self.started = now

    def begin(self, now: float) -> None:
        """The connection stands."""
        self.connected = now
        self.doing = SENDING


def _seconds(attempt: Attempt, until: float | None) -> bytes:
    return b"-" if until is None else b"%.3f" % max(0.0, until - attempt.started)


_VALUES: dict[str, Callable[[Attempt], bytes]] = {
    "addr": lambda a: a.address.encode(),
    "status": lambda a: b"%d" % a.status if a.status else b"-",
    "connect_time": lambda a: _seconds(a, a.connected),
    "header_time": lambda a: _seconds(a, a.header_at),
    "response_time": lambda a: _seconds(a, a.ended),
    "response_length": lambda a: b"%d" % a.length,
    "bytes_received": lambda a: b"%d" % a.received,
    "bytes_sent": lambda a: b"%d" % a.sent,
}


def log_value(attempts: Sequence[Attempt | None], attribute: str) -> bytes | None:
    """All tries of one request, joined as nginx joins them; None when there was none.

    None among them is where another location's proxy_pass went on after a redirect inside nginx.
    """
    if not attempts:
        return None
    value = _VALUES[attribute]
    first = attempts[0]
    if len(attempts) == 1 and first is not None:
        return value(first)
    out = [b"" if first is None else value(first)]
    for before, attempt in pairwise(attempts):
        if attempt is None:
            out.append(b" : ")
        else:
            out.append(value(attempt) if before is None and len(out) > 1 else b", " + value(attempt))
    return b"".join(out)
