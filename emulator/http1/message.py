"""What the parser gives: headers as they came, in order, with a lower-case index beside them."""

from __future__ import annotations

Header = tuple[bytes, bytes, bytes]  # name as sent, value, lower-case name


class BadMessage(Exception):
    """The peer's bytes are not HTTP; `status` is nginx's answer, `str()` the reason for the error log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.head: RequestHead | None = None  # as far as it was understood


class RequestHead:
    """A request line and its header fields, before anything is made of them.

    `version` is 9, 10 or 11 (as 10 * major + minor, larger minors kept); `target` the raw bytes
    between the spaces; `protocol` the version as sent; `authority` and `scheme` come from an
    absolute-form target (else None); `size` is how many octets of it were sound. `ignored` holds dropped
    lines, each with the number of fields before it.
    """

    __slots__ = (
        "authority",
        "headers",
        "ignored",
        "index",
        "method",
        "passed",
        "protocol",
        "raw_uri",
        "request_line",
        "scheme",
        "size",
        "texts",
        "version",
    )

    def __init__(self, method: bytes, raw_uri: bytes, version: int, request_line: bytes) -> None:
        self.protocol = b""
        self.size = 0
        self.method = method
        self.raw_uri = raw_uri
        self.version = version
        self.request_line = request_line
        self.scheme: bytes | None = None
        self.authority: bytes | None = None
        self.passed: tuple[frozenset[bytes], bytes] | None = None  # as lines, without those of some names
        self.texts: dict[object, bytes] = {}  # of logs, that follow from nothing else
        self.ignored: list[tuple[bytes, int]] | None = None
        self.headers: list[Header] = []
        self.index: dict[bytes, bytes] = {}


class ResponseHead:
    """A status line and its header fields; `reason` is None where not even a space follows the status."""

    __slots__ = ("headers", "index", "reason", "status", "version")

    def __init__(self, version: int, status: int, reason: bytes | None) -> None:
        self.version = version
        self.status = status
        self.reason = reason
        self.headers: list[Header] = []
        self.index: dict[bytes, bytes] = {}
