"""Who has an address that a task wants."""

from __future__ import annotations

import os
import socket

from emulator.container import busy


def test_a_free_address_is_not_taken() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    assert busy.taken("127.0.0.1", port) is None


def test_a_listener_on_every_address_takes_a_tasks_own_and_is_named() -> None:
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))
        sock.listen()
        port = sock.getsockname()[1]
        words = busy.taken("127.0.0.1", port)
    assert words is not None
    assert words.startswith(f"127.0.0.1:{port}: Address already in use")
    assert f"by pid {os.getpid()}, " in words
