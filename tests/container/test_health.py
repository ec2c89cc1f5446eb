"""How Docker counts failures, and what it makes of a service's and an image's health check."""

from __future__ import annotations

import pytest

from emulator.container.health import Health, Result, argv, duration, effective, output
from emulator.settings import Healthcheck

CURL = Healthcheck(("CMD", "curl", "x"), interval=2.0, retries=3)


def test_one_success_is_healthy_and_only_failures_in_a_row_are_unhealthy() -> None:
    health = Health(CURL, 100.0)
    taken = []
    for exit_code in (1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0):
        taken.append((health.take(Result(105.0, 105.1, exit_code, "")), health.status, health.streak))
    assert [status for changed, status, _ in taken if changed] == ["healthy", "unhealthy", "healthy"]
    assert taken[-2] == (False, "unhealthy", 4)
    assert len(health.results) == 5


def test_failures_of_the_start_period_do_not_count_until_the_first_success() -> None:
    health = Health(CURL._replace(start_period=10.0, retries=1), 100.0)
    assert not health.take(Result(109.9, 111.0, 1, ""))
    assert (health.status, health.streak) == ("starting", 0)
    health.take(Result(101.0, 101.0, 0, ""))
    assert health.take(Result(102.0, 102.0, 1, ""))
    assert health.status == "unhealthy"


def test_the_start_interval_rules_within_the_start_period_only() -> None:
    health = Health(CURL._replace(start_period=10.0, start_interval=0.5), 100.0)
    assert (health.pause(105.0), health.pause(110.0)) == (0.5, 2.0)
    health.take(Result(101.0, 101.0, 0, ""))
    assert health.pause(105.0) == 2.0
    assert Health(Healthcheck(("CMD", "x"), start_period=9.0), 0.0).pause(1.0) == 30.0


def test_the_services_own_goes_before_the_images_field_by_field() -> None:
    image = Healthcheck(("CMD-SHELL", "true"), interval=5.0, retries=2)
    assert effective(None, image) == image
    assert effective(Healthcheck(retries=7), image) == image._replace(retries=7)
    assert effective(Healthcheck(("NONE",)), image) is None
    assert effective(Healthcheck(interval=1.0), None) is None
    assert argv(image) == ("/bin/sh", "-c", "true")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.0, "1s"), (0.5, "500ms"), (90.0, "1m30s"), (3600.0, "1h0m0s"), (1.5, "1.5s"), (0, "0s")],
)
def test_a_timeout_is_told_as_go_prints_a_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
    told = Health(CURL._replace(timeout=seconds or 30.0), 0.0).timed_out(1.0, 2.0)
    assert told.exit_code == -1
    assert told.output.startswith("Health check exceeded timeout (")


def test_what_a_test_says_is_cut_at_4096_octets() -> None:
    assert output(b"x" * 4097) == "x" * 4096 + "..."
    assert output(b"ok\n") == "ok\n"
