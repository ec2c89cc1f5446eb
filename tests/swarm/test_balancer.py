"""A published port that the engine serves: round robin, retries, both directions, slow readers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from emulator.swarm.balancer import Balancer, reserve
from emulator.swarm.loop import Loop


class Published:
    """A balancer on a loop of its own thread."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.addresses: list[tuple[str, int]] = []
        listener = reserve(("127.0.0.1", 0))
        self.address = listener.getsockname()
        self.balancer = Balancer(self.loop, listener, self.choose)
        self.turn = 0
        assert self.balancer.open()
        self._thread = threading.Thread(target=self.loop.run)
        self._thread.start()

    def choose(self) -> list[tuple[str, int]]:
        self.turn += 1
        at = self.turn % len(self.addresses) if self.addresses else 0
        return self.addresses[at:] + self.addresses[:at]

    def close(self) -> None:
        self.addresses = []
        self.loop.call_soon(self.loop.stop)
        with socket.socket() as wake:
            wake.connect(self.address)
        self._thread.join()
        self.balancer.close()


@pytest.fixture
def published() -> Iterator[Published]:
    made = Published()
    yield made
    made.close()


def serve(answer: bytes) -> socket.socket:
    """A server that echoes after its own word, until the client has said everything."""
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(answer)
                while data := connection.recv(65536):
                    connection.sendall(data)

    threading.Thread(target=run, daemon=True).start()
    return server


def stop(server: socket.socket) -> None:
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def everything(client: socket.socket) -> bytes:
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


def test_connections_go_round_robin_and_both_ends_are_passed_on(published: Published) -> None:
    servers = [serve(b"one "), serve(b"two ")]
    published.addresses = [server.getsockname() for server in servers]
    told = []
    for _ in range(4):
        with socket.create_connection(published.address, timeout=5) as client:
            client.sendall(b"hello")
            client.shutdown(socket.SHUT_WR)
            told.append(everything(client))
    assert sorted(told) == [b"one hello"] * 2 + [b"two hello"] * 2
    for server in servers:
        stop(server)


def test_a_dead_address_is_skipped_and_without_any_the_client_is_reset(published: Published) -> None:
    with socket.socket() as dead, serve(b"here") as server:
        dead.bind(("127.0.0.1", 0))
        published.addresses = [dead.getsockname(), server.getsockname()]
        for _ in range(3):
            with socket.create_connection(published.address, timeout=5) as client:
                assert client.recv(10) == b"here"
        published.addresses = [dead.getsockname()]
        with socket.create_connection(published.address, timeout=5) as client, pytest.raises(ConnectionError):
            assert client.recv(10) == b"here"
        server.shutdown(socket.SHUT_RDWR)


def test_much_data_passes_whole_to_a_slow_reader(published: Published) -> None:
    server = serve(b"")
    published.addresses = [server.getsockname()]
    data = bytes(range(256)) * 20000
    with socket.create_connection(published.address, timeout=10) as client:

        def send() -> None:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        assert everything(client) == data
        sender.join()
    stop(server)
