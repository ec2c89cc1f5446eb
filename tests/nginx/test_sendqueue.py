"""What goes out over one socket: in order, whatever it is made of and however slowly it is taken."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.nginx.sendqueue import FilePart, SendQueue
from emulator.nginx.spool import Spool

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    pair = make_ends()
    yield pair
    for sock in pair:
        sock.close()


def make_ends() -> Ends:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return ours, theirs


def take(theirs: socket.socket, count: int = 1 << 20) -> bytes:
    try:
        return theirs.recv(count)
    except BlockingIOError:
        return b""


def take_all(queue: SendQueue, theirs: socket.socket) -> bytes:
    received = b""
    while not queue.send():
        received += take(theirs)
    while data := take(theirs):
        received += data
    return received


def file_of(folder: Path, content: bytes) -> int:
    (folder / "file").write_bytes(content)
    return os.open(folder / "file", os.O_RDONLY)


def test_what_is_pushed_together_leaves_together(ends: Ends) -> None:
    ours, theirs = ends
    queue = SendQueue(ours, ours.fileno())
    queue.push(b"head")
    queue.push(b"body")
    assert queue.send()
    assert (take(theirs), queue.sent, queue.unsent) == (b"headbody", 8, [])


def test_an_empty_queue_is_sent_at_once(ends: Ends) -> None:
    ours, _ = ends
    assert SendQueue(ours, ours.fileno()).send()


def test_what_a_full_socket_refuses_waits_and_later_pushes_stay_behind_it(ends: Ends) -> None:
    ours, theirs = ends
    queue = SendQueue(ours, ours.fileno())
    first = random.Random(1).randbytes(100_000)
    queue.push(first)
    assert not queue.send()
    assert queue.memory() == len(first) - queue.sent > 0
    queue.push(b"second")
    assert take_all(queue, theirs) == first + b"second"
    assert queue.sent == len(first) + 6


def test_a_part_of_a_file_goes_between_the_bytes_around_it(ends: Ends, tmp_path: Path) -> None:
    ours, theirs = ends
    queue = SendQueue(ours, ours.fileno())
    fd = file_of(tmp_path, b"0123456789")
    queue.push(b"<")
    queue.push_file(fd, 2, 5)
    queue.push(b">")
    os.close(fd)
    assert take_all(queue, theirs) == b"<23456>"


def test_a_file_that_shrank_is_an_error_and_not_an_endless_loop(ends: Ends, tmp_path: Path) -> None:
    ours, _ = ends
    queue = SendQueue(ours, ours.fileno())
    fd = file_of(tmp_path, b"short")
    queue.push_file(fd, 0, 100)
    os.close(fd)
    with pytest.raises(OSError, match="truncated"):
        queue.send()
    queue.close()


def test_a_peer_that_is_gone_is_an_error(ends: Ends) -> None:
    ours, theirs = ends
    queue = SendQueue(ours, ours.fileno())
    theirs.close()
    queue.push(b"x")
    with pytest.raises(OSError, match="Broken pipe"):
        queue.send()


def test_one_large_file_does_not_keep_the_others_waiting(ends: Ends, tmp_path: Path) -> None:
    class Modest(SendQueue):
        _MOST = 1000

    ours, theirs = ends
    queue = Modest(ours, ours.fileno())
    fd = file_of(tmp_path, bytes(range(250)) * 10)
    queue.push_file(fd, 0, 2500)
    os.close(fd)
    assert not queue.send()
    assert queue.yielded
    assert len(take(theirs)) == 1000
    assert not queue.send()
    assert queue.send()
    assert len(take(theirs)) == 1500


def test_spilled_bytes_leave_memory_and_keep_their_place(ends: Ends) -> None:
    ours, theirs = ends
    queue, spool = SendQueue(ours, ours.fileno()), Spool()
    text = random.Random(2).randbytes(60_000)
    queue.push(text)
    queue.send()
    queue.spill(spool)
    assert queue.memory() == 0
    queue.push(b"and more")
    queue.send()
    queue.spill(spool)
    assert len(queue.unsent) == 1, "neighbours in the file are one part"
    queue.push(b"the end")
    assert take_all(queue, theirs) == text + b"and morethe end"
    assert spool.size == 0, "the file starts over once everything is out"
    spool.close()


def test_a_spool_lives_as_long_as_what_is_queued_of_it(ends: Ends) -> None:
    ours, theirs = ends
    queue, spool = SendQueue(ours, ours.fileno()), Spool()
    text = random.Random(3).randbytes(60_000)
    queue.push(text)
    queue.send()
    queue.spill(spool)
    spool.close()
    assert take_all(queue, theirs) == text


def test_a_disk_that_is_full_loses_nothing_of_what_is_queued(ends: Ends) -> None:
    class Full(Spool):
        def write(self, data: bytes | memoryview) -> int:
            if self.size > 20_000:
                raise OSError(28, "No space left on device")
            return super().write(data)

    ours, theirs = ends
    queue, spool = SendQueue(ours, ours.fileno()), Full()
    pieces = [random.Random(i).randbytes(15_000) for i in range(6)]
    queue.push_each(pieces)
    queue.send()
    with pytest.raises(OSError, match="No space"):
        queue.spill(spool)
    assert take_all(queue, theirs) == b"".join(pieces)
    spool.close()


def test_closing_gives_back_every_descriptor(ends: Ends, tmp_path: Path) -> None:
    ours, _ = ends
    before = len(list(Path("/dev/fd").iterdir()))
    queue, spool = SendQueue(ours, ours.fileno()), Spool()
    fd = file_of(tmp_path, b"x" * 100)
    queue.push_file(fd, 0, 100)
    os.close(fd)
    queue.push(b"y" * 100_000)
    queue.send()
    queue.spill(spool)
    spool.close()
    queue.close()
    queue.close()
    assert len(list(Path("/dev/fd").iterdir())) == before


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(1, 20_000)),
        st.tuples(st.just("file"), st.integers(1, 20_000)),
        st.tuples(st.just("send"), st.just(0)),
        st.tuples(st.just("take"), st.integers(1, 50_000)),
        st.tuples(st.just("spill"), st.just(0)),
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=80)
@given(STEPS)
def test_every_octet_arrives_once_and_in_order(steps: list[tuple[str, int]]) -> None:
    ours, theirs = make_ends()
    queue, spool = SendQueue(ours, ours.fileno()), Spool()
    source, wanted, received = random.Random(4), b"", b""
    with TemporaryFile() as file:
        for what, count in steps:
            data = source.randbytes(count)
            if what == "push":
                queue.push(data)
                wanted += data
            elif what == "file":
                offset = file.seek(0, os.SEEK_END)
                file.write(data)
                file.flush()
                queue.push_file(file.fileno(), offset, count)
                wanted += data
            elif what == "send":
                queue.send()
            elif what == "take":
                received += take(theirs, count)
            else:
                queue.spill(spool)
        received += take_all(queue, theirs)
    assert received == wanted
    assert not any(isinstance(piece, FilePart) for piece in queue.unsent)
    assert spool.size == 0 or repr(spool).endswith("lent=0>")
    queue.close()
    spool.close()
    ours.close()
    theirs.close()


def test_small_pieces_do_not_pile_up_one_by_one(ends: Ends) -> None:
    ours, theirs = ends
    queue = SendQueue(ours, ours.fileno())
    queue.push(b"x" * 100_000)
    queue.send()
    for _ in range(10_000):
        queue.push(b"y")
        queue.send()
    assert len(queue.unsent) < 10
    assert take_all(queue, theirs).endswith(b"x" + b"y" * 10_000)
