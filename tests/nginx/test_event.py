"""The event loop: what it reports, and to whom."""

from __future__ import annotations

import socket

from emulator.nginx.event import Loop


def test_what_was_reported_of_a_closed_descriptor_is_not_told_to_the_next_with_its_number() -> None:
    loop = Loop()
    pairs = [socket.socketpair() for _ in range(2)]
    opened: list[socket.socket] = []
    told: list[int] = []

    def first_reported(mask: int) -> None:
        # whichever comes first closes the other, whose number goes to a new socket at once
        for sock, peer in pairs:
            loop.forget(sock.fileno())
            sock.close()
            peer.close()
        opened.extend(socket.socketpair())
        for sock in opened:
            sock.setblocking(False)
            loop.add(sock.fileno(), told.append)

    for sock, peer in pairs:
        sock.setblocking(False)
        loop.add(sock.fileno(), first_reported)
        peer.close()
    try:
        loop.turn()
        assert opened
        assert told == []
        opened[1].send(b"x")
        loop.turn()
        assert told
    finally:
        for sock in opened:
            sock.close()
        loop.close()
