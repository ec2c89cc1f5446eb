"""A published port that the engine serves: round robin, retries, both directions, slow readers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from emulator.swarm.balancer import Balancer, reserve
from emulator.swarm.drain import is_busy
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
        self._woken, self._wake = socket.socketpair()
        self.loop.add_reader(self._woken.fileno(), lambda: self._woken.recv(64))
        assert self.balancer.open()
        self._thread = threading.Thread(target=self.loop.run)
        self._thread.start()

    def choose(self) -> list[tuple[str, int]]:
        self.turn += 1
        at = self.turn % len(self.addresses) if self.addresses else 0
        return self.addresses[at:] + self.addresses[:at]

    def do(self, what: Callable[[], object]) -> None:
        """In the loop's own thread, and it is done."""
        done = threading.Event()
        self.loop.call_soon(what)
        self.loop.call_soon(done.set)
        self._wake.send(b".")
        assert done.wait(5)

    def close(self) -> None:
        self.addresses = []
        self.loop.call_soon(self.loop.stop)
        self._wake.send(b".")
        self._thread.join()
        self._wake.close()
        self._woken.close()
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
            with connection, contextlib.suppress(ConnectionError):
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


def test_a_door_that_is_shut_refuses_and_lets_go_on_what_has_begun(published: Published) -> None:
    server = serve(b"")
    published.addresses = [server.getsockname()]
    with socket.create_connection(published.address, timeout=5) as client:
        client.sendall(b"one")
        assert client.recv(10) == b"one"
        published.do(published.balancer.shut)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(published.address, timeout=5)
        published.addresses = []
        client.sendall(b"two")
        assert client.recv(10) == b"two", "it belongs to its task until it ends"
    published.do(published.balancer.open)
    published.addresses = [server.getsockname()]
    with socket.create_connection(published.address, timeout=5) as client:
        client.sendall(b"three")
        assert client.recv(10) == b"three"
    stop(server)


def test_an_abort_is_passed_on_as_an_abort(published: Published) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        published.addresses = [server.getsockname()]
        client = socket.create_connection(published.address, timeout=5)
        client.sendall(b"x")
        peer, _ = server.accept()
        with peer:
            assert peer.recv(1) == b"x"
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
            peer.settimeout(5)
            with pytest.raises(ConnectionResetError):
                peer.recv(1)


def test_a_connection_that_is_silent_for_a_quarter_of_an_hour_is_forgotten(published: Published) -> None:
    server = serve(b"here")
    published.addresses = [server.getsockname()]
    with socket.create_connection(published.address, timeout=5) as client:
        assert client.recv(10) == b"here"
        began = published.loop._epoch
        published.do(lambda: setattr(published.loop, "_epoch", began + 890))
        client.sendall(b"still")
        assert client.recv(10) == b"still"
        published.do(lambda: setattr(published.loop, "_epoch", began + 890 + 930))
        with pytest.raises(ConnectionResetError):
            client.recv(10)
    stop(server)


def test_balanced_connections_come_from_the_address_that_they_are_to(published: Published) -> None:
    published.balancer.source = lambda: "127.77.77.77"
    with socket.create_server(("127.0.0.1", 0)) as server:
        published.addresses = [server.getsockname()]
        with socket.create_connection(published.address, timeout=5):
            peer, (host, _) = server.accept()
            peer.close()
    assert host == "127.77.77.77"


def test_the_kernel_says_whether_somebody_is_being_served() -> None:
    with socket.create_server(("127.77.77.78", 0)) as server:
        address = server.getsockname()
        assert not is_busy(address)
        client = socket.create_connection(address)
        assert is_busy(address), "it waits to be accepted"
        peer, _ = server.accept()
        assert is_busy(address)
        peer.close()
        client.close()
        assert not is_busy(address)
