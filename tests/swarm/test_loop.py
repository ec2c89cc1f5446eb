"""Turns, timers and readers, before and after asyncio takes over."""

from __future__ import annotations

import asyncio
import os

import pytest

from emulator.swarm.loop import Loop


def test_timers_come_in_order_and_a_cancelled_one_not_at_all() -> None:
    loop, heard = Loop(), []
    loop.call_later(0.02, loop.stop)
    loop.call_later(0.01, lambda: heard.append("second"))
    loop.call_later(0.005, lambda: heard.append("never")).cancel()
    loop.call_later(0.0, lambda: heard.append("first"))
    loop.run()
    assert heard == ["first", "second"]


def test_a_callback_that_fails_is_told_and_ends_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    loop, heard = Loop(), []

    def fail() -> None:
        raise ValueError("no")

    loop.call_soon(fail)
    loop.call_soon(lambda: heard.append("on"))
    loop.call_soon(loop.stop)
    loop.run()
    assert heard == ["on"]
    assert "ValueError: no" in capsys.readouterr().err


def test_a_stop_before_the_run_is_a_stop() -> None:
    loop = Loop()
    loop.stop()
    loop.run()


def test_readers_and_timers_go_on_when_asyncio_takes_over() -> None:
    loop, heard = Loop(), []
    reading, writing = os.pipe()
    other = asyncio.new_event_loop()

    def readable() -> None:
        heard.append(os.read(reading, 10))
        loop.remove_reader(reading)
        loop.call_later(0.0, loop.stop)

    loop.add_reader(reading, readable)
    loop.call_soon(lambda: loop.hand_over(other))
    loop.call_later(0.01, lambda: os.write(writing, b"hello"))
    loop.run()
    other.close()
    os.close(reading)
    os.close(writing)
    assert heard == [b"hello"]


def test_the_clock_is_steady_and_reads_like_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop()
    before = loop.time()
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert 0 <= loop.time() - before < 5
