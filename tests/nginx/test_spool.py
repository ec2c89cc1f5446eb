"""A temporary file cannot be cut off or closed under what is still to be sent from it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emulator.nginx.spool import NamedSpool, Spool


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_what_is_written_stands_at_the_offset_that_is_told() -> None:
    spool = Spool()
    assert [spool.write(b"abc"), spool.write(memoryview(b"de")), spool.write(b"")] == [0, 3, 5]
    assert os.pread(spool.fd, 10, 0) == b"abcde"
    spool.close()


def test_the_file_starts_over_when_the_last_part_that_was_lent_is_back() -> None:
    spool = Spool()
    spool.write(b"abc")
    spool.borrow()
    spool.borrow()
    spool.give_back()
    assert (spool.size, os.fstat(spool.fd).st_size) == (3, 3)
    spool.give_back()
    assert (spool.size, os.fstat(spool.fd).st_size) == (0, 0)
    assert spool.write(b"next") == 0
    spool.close()


def test_a_file_that_was_never_lent_is_not_cut_off() -> None:
    spool = Spool()
    spool.write(b"a request's body")
    assert os.pread(spool.fd, 100, 0) == b"a request's body"
    spool.close()


def test_a_closed_file_stays_open_while_a_part_of_it_is_lent() -> None:
    spool = Spool()
    spool.write(b"abc")
    fd = spool.borrow()
    spool.close()
    assert os.pread(fd, 3, 0) == b"abc"
    spool.give_back()
    assert not is_open(fd)


def test_closing_twice_closes_once() -> None:
    spool = Spool()
    spool.close()
    other = os.open("/dev/null", os.O_RDONLY)
    spool.close()
    assert is_open(other)
    os.close(other)


def test_the_file_has_no_name() -> None:
    spool = Spool()
    assert os.fstat(spool.fd).st_nlink == 0
    spool.close()


@pytest.mark.parametrize("closed", [False, True])
def test_its_description_says_what_is_lent(closed: bool) -> None:
    spool = Spool()
    spool.write(b"abc")
    spool.borrow()
    if closed:
        spool.close()
    assert repr(spool) == "<Spool size=3 lent=1" + (" closing>" if closed else ">")
    spool.give_back()
    spool.close()


def test_a_named_file_that_somebody_has_removed_is_closed_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "0000000001"
    spool = NamedSpool("temp/0000000001", str(path), clean=True)
    path.unlink()
    spool.close()
    assert not is_open(spool.fd)
