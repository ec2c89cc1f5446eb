"""When a failed request goes to another peer."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from emulator.nginx.retries import Retries, status_of


@dataclass
class Limits:
    """As of a location that says nothing of it."""

    next_upstream: frozenset[str] = frozenset(("error", "timeout"))
    next_tries: int = 0
    next_timeout: float = 0.0


def of(limits: Limits, *, peers: int = 3, single: bool = False, method: bytes = b"GET") -> Retries:
    return Retries(limits, peers, single, method, now=100.0)


def test_each_peer_is_tried_once() -> None:
    retries = of(Limits())
    retries.use_up()
    assert retries.left == 2
    retries.use_up()
    retries.use_up()
    assert retries.left == 0


def test_a_group_of_one_has_no_other_peer() -> None:
    retries = of(Limits(), peers=1, single=True)
    retries.use_up()
    assert retries.left == 0


@pytest.mark.parametrize(("written", "left"), [(0, 3), (2, 2), (9, 3)])
def test_the_number_of_tries_is_the_smaller_of_peers_and_limit(written: int, left: int) -> None:
    assert of(Limits(next_tries=written)).left == left


def test_only_the_failures_that_are_named_are_repaired() -> None:
    retries = of(Limits())
    assert retries.allow("error", 101.0, begun=False)
    assert retries.allow("timeout", 101.0, begun=True)
    assert not retries.allow("http_502", 101.0, begun=True)
    assert of(Limits(frozenset(("http_502",)))).allow("http_502", 101.0, begun=True)


@pytest.mark.parametrize("method", [b"POST", b"PATCH", b"LOCK"])
def test_what_may_not_be_done_twice_is_only_repeated_while_no_peer_has_seen_it(method: bytes) -> None:
    retries = of(Limits(), method=method)
    assert retries.allow("error", 101.0, begun=False)
    assert not retries.allow("error", 101.0, begun=True)
    named = Limits(frozenset(("error", "non_idempotent")))
    assert of(named, method=method).allow("error", 101.0, begun=True)


def test_after_its_time_a_request_stays_with_its_failure() -> None:
    retries = of(Limits(next_timeout=5.0))
    assert retries.allow("error", 104.9, begun=False)
    assert not retries.allow("error", 105.0, begun=False)


@pytest.mark.parametrize(
    ("kind", "status"), [("error", 502), ("invalid_header", 502), ("timeout", 504), ("http_404", 404)]
)
def test_a_failure_that_nothing_repairs_has_a_status(kind: str, status: int) -> None:
    assert status_of(kind) == status
