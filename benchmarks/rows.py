"""The rows: what each measures, which way is better, and the floor under which it is not good enough."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from benchmarks import scenes, sides
from benchmarks.sides import Setup


class Better(StrEnum):
    MORE = "more"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; `floor` and `goal` are bounds of ours / yardstick, from the side that `better` says."""

    name: str
    what: str
    unit: str
    yardstick: str
    better: Better
    floor: float
    setup: Setup
    goal: float | None = None

    def meets(self, ratio: float) -> bool:
        return ratio >= self.floor if self.better is Better.MORE else ratio <= self.floor


_RATE, _DATA = "requests/s", "MB/s"
_LARGE = scenes.LARGE / 1e6
_MORE, _LESS = Better.MORE, Better.LESS


def _rate(name: str, what: str, floor: float, make: scenes.Make) -> Row:
    return Row(name, what, _RATE, "nginx", _MORE, floor, sides.throughput(make))


def _data(name: str, what: str, floor: float, make: scenes.Make) -> Row:
    return Row(name, what, _DATA, "nginx", _MORE, floor, sides.throughput(make, _LARGE))


def _tail(name: str, what: str, make: scenes.Make) -> Row:
    return Row(
        name, f"p99 latency at half of nginx's peak: {what}", "ms", "nginx", _LESS, 1.5, sides.tail(make)
    )


ROWS = (
    _rate("article", "the article's page, from three gunicorns", 0.95, scenes.article),
    _rate("dial", "the article's conf, a new upstream connection for each request", 0.80, scenes.dial),
    _rate("kept", "an upstream group with keepalive", 0.70, scenes.kept),
    _rate("small", "a stylesheet of 1 KB", 0.70, scenes.small),
    _data("file", "a file of 10 MB", 0.95, scenes.file),
    _data("upload-buffered", "10 MB posted, proxy_request_buffering on", 0.80, scenes.uploads("on")),
    _data("upload-streamed", "10 MB posted, proxy_request_buffering off", 0.80, scenes.uploads("off")),
    _rate("rich", "30 KB of HTML, gzipped, by a conf of 120 lines", 0.70, scenes.rich),
    _tail("tail-dial", "dial", scenes.dial),
    _tail("tail-small", "small", scenes.small),
    Row("idle", "memory of an idle connection", "bytes", "nginx", _LESS, 3.0, sides.idle),
    Row("growth", "1,000 locations", _RATE, "emulator, 10 locations", _MORE, 0.9, sides.growth),
    Row("workers", "two workers / one, small", "times", "nginx", _MORE, 0.9, sides.workers),
    Row(
        "ready", "until three replicas have answered", "s", "one bare gunicorn", _LESS, 3.5, sides.ready, 2.5
    ),
    Row("verb", "emulator nginx -t", "s", "python -c 'import click'", _LESS, 3.0, sides.verb),
)
QUICK = ("dial", "kept", "small", "article")
