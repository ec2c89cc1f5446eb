"""From a file to settings: TOML, the table of keys, the paths made absolute, the checks of the whole."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from emulator.settings import check
from emulator.settings.model import Image, Service, Settings, Volume
from emulator.settings.schema import FILE
from emulator.settings.values import Problems, Spot

TOML_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


def read(path: Path) -> tuple[Settings | None, tuple[str, ...]]:
    """The settings of a file, and its problems as whole lines; None where the problems leave no settings."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return None, (f"{path}:{line}: not UTF-8",)
    except OSError as error:
        return None, (f"{path}: {(error.strerror or 'cannot be read').lower()}",)
    except ValueError:  # a NUL in the path itself
        return None, (f"{str(path)!r}: not a path",)
    settings, problems = parse(text, path)
    return settings, tuple(f"{path}{'' if line.startswith(':') else ': '}{line}" for line in problems)


def parse(text: str, path: Path) -> tuple[Settings | None, list[str]]:
    """As `read`, from the text; a problem that begins with a colon begins with line and column."""
    import tomllib

    try:
        document = tomllib.loads(text)
    except RecursionError:
        return None, ["nested too deeply"]
    except ValueError as error:  # also numbers of more digits than Python takes
        return None, [_syntax(str(error), text)]
    problems = Problems()
    found = FILE.read(document, Spot(problems))
    if found is None:
        return None, [*problems, *_among_the_rest(document, problems, path)]
    settings = absolute(build(found, path))
    return settings, [*problems, *check.whole_file(settings)]


def _among_the_rest(document: dict[str, Any], problems: Problems, path: Path) -> list[str]:
    """What only the whole file can show, for what is left of it without the places that are wrong."""
    for place in sorted(set(problems.places), key=_from_the_end):
        _drop(document, place)
    found = FILE.read(document, Spot([]))
    if found is None:
        return []
    wrong = {line.partition(": ")[0] for line in problems}
    rest = check.whole_file(absolute(build(found, path)))
    return [line for line in rest if line.partition(": ")[0] not in wrong]


def _from_the_end(place: tuple[str | int, ...]) -> tuple[int, int]:
    """Deep places first, and of one list the last item first, so that no index moves before it is used."""
    last = place[-1] if place else 0
    return -len(place), -last if isinstance(last, int) else 0


def _drop(document: dict[str, Any], place: tuple[str | int, ...]) -> None:
    """Take a place out of a document; where it is not there, it is its table that was wrong."""
    above: Any = document
    for key in place[:-1]:
        try:
            above = above[key]
        except (KeyError, IndexError, TypeError):
            return
    holder: Any = above if isinstance(above, dict | list) else None
    if place and holder is not None:
        try:
            del holder[place[-1]]
        except (KeyError, IndexError, TypeError):
            _drop(document, place[:-1])


def _syntax(message: str, text: str) -> str:
    """tomllib's error with the place in front, as compilers print it."""
    match = TOML_PLACE.fullmatch(message)
    if not match:
        return message[:1].lower() + message[1:].split(";")[0]
    what, line, column = match.groups()
    if line is None:
        line, column = str(text.count("\n") + 1), str(len(text) - text.rfind("\n"))
    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in what)
    return f":{line}:{column}: {printable[:1].lower() + printable[1:]}"


def build(found: dict[str, Any], path: Path) -> Settings:
    file = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link to the file
    found.setdefault("name", re.sub(r"[^a-z0-9_-]", "", file.parent.name.lower()).lstrip("-_") or "default")
    return Settings(file=file, **found)


def absolute(settings: Settings) -> Settings:
    """The same settings with every real path absolute."""
    root = settings.root

    def real(path: Path | str) -> Path:
        return Path(os.path.normpath(root / os.path.expanduser(path)))  # noqa: PTH111 - never raises

    def volume(item: Volume) -> Volume:
        return item if item.path is None else item._replace(path=real(item.path))

    def image(item: Image) -> Image:
        folder = None if item.folder is None else real(item.folder)
        return item._replace(folder=folder, paths=tuple((at, real(path)) for at, path in item.paths))

    def service(item: Service) -> Service:
        mounts = (m._replace(source=str(real(m.source))) if m.type == "bind" else m for m in item.mounts)
        return item._replace(mounts=tuple(mounts))

    return settings._replace(
        services=tuple(map(service, settings.services)),
        volumes=tuple(map(volume, settings.volumes)),
        images=tuple(map(image, settings.images)),
        emulator=settings.emulator._replace(state=real(settings.emulator.state)),
    )
