"""Requests one by one, and a steady load that remembers how each request ended."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    base: str,
    target: str = "/",
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] = {},
) -> Answer:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=20)
    try:
        connection.request(method, target, body, dict(headers))
        reply = connection.getresponse()
        found = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, found, reply.read())
    finally:
        connection.close()


def send_file(base: str, name: str, content: bytes) -> Answer:
    """What the page's form sends."""
    boundary = uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return ask(base, "/", "POST", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})


def who(base: str, times: int) -> list[dict[str, Any]]:
    """What /whoami said, request by request."""
    return [ask(base, "/whoami").json for _ in range(times)]


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the load: when it began and ended, and its status or what broke it."""

    began: float
    ended: float
    outcome: int | str
    slot: int | None


class Load:
    """Some threads that ask /whoami again and again until the block ends."""

    def __init__(self, base: str, threads: int = 4) -> None:
        self.requests: list[Request] = []
        self.threads = threads
        self._base = base
        self._enough = threading.Event()
        self._news = threading.Condition()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self) -> None:
        while not self._enough.is_set():
            request = self._one()
            with self._news:
                self.requests.append(request)
                self._news.notify_all()

    def _one(self) -> Request:
        began = time.monotonic()
        outcome: int | str
        slot = None
        try:
            answer = ask(self._base, "/whoami")
            outcome = answer.status
            slot = answer.json["slot"] if outcome == 200 else None
        except (OSError, http.client.HTTPException) as error:
            outcome = repr(error)
        return Request(began, time.monotonic(), outcome, slot)

    def more(self, count: int, timeout: float = 20.0) -> None:
        """Return when `count` more requests have been answered by each of three replicas."""
        with self._news:
            start = len(self.requests)

            def enough() -> bool:
                fresh = [request.slot for request in self.requests[start:]]
                return all(fresh.count(slot) >= count for slot in (1, 2, 3))

            assert self._news.wait_for(enough, timeout), "three replicas did not answer under load"

    @property
    def failed(self) -> list[Request]:
        return [request for request in self.requests if request.outcome != 200]
