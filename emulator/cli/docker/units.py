"""Sizes, times and names as Docker prints them (docker/go-units, formatter/)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from emulator.cli.table import human, when

SIZES = {letter: 1024**power for power, letter in enumerate(" kmgtp")}
NEVER = "0001-01-01T00:00:00Z"


def ago(timestamp: str) -> str:
    """How long ago a time of the API was."""
    return human((datetime.now(UTC) - when(timestamp)).total_seconds()) + " ago"


def since(seconds: int) -> str:
    """How long ago a time in seconds of the epoch was."""
    return human(datetime.now(UTC).timestamp() - seconds) + " ago"


def decimal_size(size: float, digits: int = 4) -> str:
    """Bytes by thousands, as units.HumanSizeWithPrecision."""
    return _sized(size, 1000.0, ("B", "kB", "MB", "GB", "TB", "PB"), digits)


def binary_size(size: float, digits: int = 4) -> str:
    """Bytes by units of 1024, as units.BytesSize."""
    return _sized(size, 1024.0, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"), digits)


def _sized(size: float, base: float, units: tuple[str, ...], digits: int) -> str:
    step = 0
    while size >= base and step < len(units) - 1:
        size, step = size / base, step + 1
    return f"{size:.{digits}g}{units[step]}"


def size(text: str) -> int:
    """Bytes, as docker/go-units RAMInBytes: units of 1024."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?", text.strip().lower())
    if found is None:
        raise ValueError(f"invalid size: '{text}'")
    return int(Decimal(found[1]) * SIZES[found[2] or " "])


def duration(nanoseconds: int) -> str:
    """As Go's time.Duration prints itself."""
    if not nanoseconds:
        return "0s"
    for unit, word in ((1, "ns"), (1000, "µs"), (10**6, "ms")):
        if nanoseconds < unit * 1000:
            return f"{nanoseconds / unit:.9g}{word}"
    seconds, hours, minutes = (
        nanoseconds / 1e9,
        nanoseconds // (3600 * 10**9),
        nanoseconds // (60 * 10**9) % 60,
    )
    rest = f"{seconds % 60:.9g}s"
    return f"{hours}h{minutes}m{rest}" if hours else f"{minutes}m{rest}" if minutes else rest


def short(identity: str) -> str:
    """As stringid.TruncateID: twelve, without the name of the digest."""
    return identity.rpartition(":")[2][:12]


def ellipsis(text: str, size: int) -> str:
    """As formatter.Ellipsis."""
    return text if len(text) <= size else text[: size - 1] + "…" if size > 1 else text[:size]


def familiar(image: str) -> str:
    """An image's name without its digest, as lists show it."""
    name = image.partition("@")[0]
    return name or image


def tagged(image: str) -> str:
    """An image's name with its tag, as reference.TagNameOnly; what is no name stays as it is."""
    if not names_an_image(image):
        return image
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in image else f"{image}:latest"


def names_an_image(text: str) -> bool:
    """Whether it is a reference: lower case, parts between slashes, a tag, a digest."""
    part = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
    host = r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?"
    return bool(re.fullmatch(rf"{host}{part}(?:/{part})*(?::\w[\w.-]{{0,127}})?(?:@\w+:[0-9a-f]+)?", text))


def natural(text: str) -> list[Any]:
    """A key that sorts numbers inside of names by their size, as sortorder.NaturalLess."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part
    ]


def go_time(timestamp: str) -> str:
    """A time of the API as Go prints it."""
    whole, dot, rest = timestamp.removesuffix("Z").partition(".")
    rest = rest.rstrip("0")
    return whole.replace("T", " ") + (dot + rest if rest else "") + " +0000 UTC"


def labels(found: dict[str, str] | None) -> str:
    return ",".join(sorted(f"{name}={value}" for name, value in (found or {}).items()))
