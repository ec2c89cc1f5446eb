"""Requests as no client makes them: a method, a path and a body on the socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote


def call(socket_path: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and body, read where it is JSON."""
    with _asked(socket_path, method, path, body) as response:
        found = response.read()
    return response.status, json.loads(found) if found.startswith((b"{", b"[", b'"')) else found


@contextmanager
def following(socket_path: str, path: str) -> Iterator[http.client.HTTPResponse]:
    """An answer without an end."""
    with _asked(socket_path, "GET", path, None) as response:
        yield response


@contextmanager
def _asked(socket_path: str, method: str, path: str, body: Any) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("localhost", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect(socket_path)
    sent = None if body is None else json.dumps(body)
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, quote(path, safe="/?=&%"), sent, headers)
    try:
        yield connection.getresponse()
    finally:
        connection.close()
