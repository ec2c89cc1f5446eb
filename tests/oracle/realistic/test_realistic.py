"""Configurations as they are published: the same verdict as nginx's, and the same answers to a browse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle import certificates
from tests.oracle.casefile import Exchange, Scene
from tests.oracle.compare import compare, outcome
from tests.oracle.servers import without_lacking
from tests.oracle.test_cases import Stage
from tests.oracle.verdict import asked_about

from .world import Site, sites

SITES = sites()
BROWSES = [
    pytest.param(site, exchange, id=f"{site.scene.name}: {exchange.name}")
    for site in SITES
    for exchange in site.scene.exchanges
]
PROMISES = [
    pytest.param(site, exchange, promised, id=f"{site.scene.name}: {exchange.name}")
    for site in SITES
    for exchange, promised in site.scene.promises
]
_PLACEHOLDER = re.compile(r"\{([a-z]+)(\d?)\}")
_NUMBERS = {"port": 18080, "upstream": 18090, "secure": 18094, "refused": 18099, "fence": 18098}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.leave()
    stage.loop.stop()


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.scene.name)
def test_the_verdict_is_nginxs(site: Site, tmp_path: Path) -> None:
    real, ours = asked_about(_placed(site.scene, tmp_path / "whole"))
    if site.scene.lacking:
        assert f'unknown directive "{site.scene.lacking[0]}"' in real.lines[0]
        real, _ = asked_about(_placed(without_lacking(site.scene), tmp_path / "whole"))
    said = tuple(line for line in ours.lines if "but the emulator speaks HTTP/1.1" not in line)
    assert ours._replace(lines=said) == real
    assert real.code == (1 if site.refused else 0)


@pytest.mark.parametrize(("site", "exchange"), BROWSES)
def test_a_browse_is_answered_and_logged_the_same(stage: Stage, site: Site, exchange: Exchange) -> None:
    try:
        compare(stage.enter(site.scene), exchange)
    except AssertionError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.mark.parametrize(("site", "exchange", "promised"), PROMISES)
def test_what_nginxs_other_modules_do_is_done(
    stage: Stage, site: Site, exchange: Exchange, promised: tuple[str, ...]
) -> None:
    pair = stage.enter(site.scene)
    assert pair.fault is None
    found = outcome(pair.candidate, exchange)
    assert [line for line in promised if line not in found] == [], "\n".join(found)


def test_there_are_sixty_of_them_and_each_says_what_breaks() -> None:
    assert len(SITES) >= 60
    assert [site.scene.name for site in SITES if "Breaks: " not in site.about] == []
    assert [site.scene.name for site in SITES if not site.refused and len(site.scene.exchanges) < 8] == []


def _placed(scene: Scene, folder: Path) -> Path:
    """The files of a scene, with ports that nobody listens on and paths that exist."""
    for name in ("root", "logs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    if not (folder / "tls").exists():
        (folder / "tls").symlink_to(certificates.folder())

    def value(found: re.Match[str]) -> str:
        if found[1] in _NUMBERS:
            return str(_NUMBERS[found[1]] + int(found[2] or 0))
        return {"prefix": str(folder), "root": f"{folder}/root"}.get(found[1], found[0])

    for name, text in {**scene.includes, "nginx.conf": scene.conf}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(_PLACEHOLDER.sub(value, text))
    return folder
