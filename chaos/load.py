"""Clients on kept connections that ask without pause, and remember how each request ended."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from typing import NamedTuple

_CLOSED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class Request(NamedTuple):
    """`outcome` is a status, or what broke it."""

    began: float
    ended: float
    outcome: int | str

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Load:
    """Some clients, from the block's beginning to its end."""

    def __init__(self, port: int, clients: int = 4, method: str = "GET", path: str = "/whoami") -> None:
        self.requests: list[Request] = []
        self._port, self._method, self._path = port, method, path
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def failed(self) -> list[Request]:
        return [request for request in self.requests if request.outcome not in (200, 303, 405)]

    @property
    def words(self) -> str:
        """How many requests, and how those that failed have ended."""
        ends = Counter(str(request.outcome).partition("(")[0] for request in self.failed)
        told = ", ".join(f"{count} x {end}" for end, count in ends.most_common(3))
        return f"{len(self.requests)} requests, {len(self.failed)} failed" + (f" ({told})" if told else "")

    @property
    def slowest(self) -> float:
        return max((request.seconds for request in self.requests), default=0.0)

    def outage(self) -> float:
        """From the first failed request to the end of the last one."""
        failed = self.failed
        return failed[-1].ended - min(request.began for request in failed) if failed else 0.0

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while not self._enough.wait(0.01):
            self.requests.append(self._one(connection))
        connection.close()

    def _one(self, connection: http.client.HTTPConnection) -> Request:
        """As browsers do it: a kept connection that was closed under a GET is no answer, and asked anew."""
        began, kept = time.monotonic(), connection.sock is not None
        try:
            status = self._ask(connection)
            return Request(began, time.monotonic(), status)
        except _CLOSED as error:
            connection.close()
            if kept and self._method == "GET":
                return self._one(connection)._replace(began=began)
            return Request(began, time.monotonic(), repr(error))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Request(began, time.monotonic(), repr(error))

    def _ask(self, connection: http.client.HTTPConnection) -> int:
        connection.request(self._method, self._path, b"x=1" if self._method == "POST" else None)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def ask(port: int, path: str = "/whoami", timeout: float = 10.0) -> tuple[int, bytes]:
    """One request on a connection of its own; status 0 when there was no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def until(what: object, patience: float = 15.0) -> float:
    """Seconds until a callable is true; the whole patience when it never was."""
    assert callable(what)
    began = time.monotonic()
    while not what() and time.monotonic() - began < patience:
        time.sleep(0.02)
    return time.monotonic() - began
