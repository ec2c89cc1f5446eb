"""`make run` in a clean clone, `python -m emulator`, `honcho start`: the same article each time."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from tests.e2e import article, project
from tests.e2e.conftest import Start
from tests.e2e.running import Running, survivors

BIN = Path(sys.executable).parent
BARE = "/usr/local/bin:/usr/bin:/bin"


def the_app_saw(program: Running) -> Callable[[str], None]:
    """Waits for a request in the app's own log and then looks that no static file is in it."""

    def saw(target: str) -> None:
        program.line(re.escape(f'"GET {target} HTTP/'))
        reached = [line for line in program.output.splitlines() if re.search(r'"(GET|POST) /\S* HTTP/', line)]
        from_app = [line for line in reached if re.search(r"webapp[._]\d", line)]
        assert from_app
        assert not [line for line in from_app if "GET /static" in line]

    return saw


def test_make_run_in_a_clean_clone_serves_the_article(
    tmp_path: Path, start: Start, need: Callable[[str], str]
) -> None:
    need("git")
    clone = project.tracked(tmp_path / "clone")
    project.republish(clone, 0)
    article.let_the_app_log(clone / "config.toml")
    program = start(clone, need("make"), "run", env={"PATH": BARE, **project.UNMADE})
    article.check(program.ready(timeout=300), clone / "static", the_app_saw(program))
    groups = program.groups()
    program.stop()
    assert not survivors(groups)


def test_python_m_emulator_serves_the_article(demonstration: Path, start: Start) -> None:
    article.let_the_app_log(demonstration / "config.toml")
    program = start(demonstration)
    article.check(program.ready(), demonstration / "static", the_app_saw(program))
    groups = program.groups()
    assert len(groups) >= 5, "each task has a process group of its own"
    assert program.stop() == 0
    assert not survivors(groups)


def test_honcho_start_serves_the_article(demonstration: Path, start: Start) -> None:
    first = project.free_ports(4)
    for slot in (1, 2, 3):
        project.rewrite(demonstration / "Procfile", rf"\b{8000 + slot}\b", str(first + slot))
    article.let_the_app_log(demonstration / "Procfile")
    config = demonstration / "config.toml"
    project.rewrite(config, r'"0:80"', f'"{first}:80"')
    config.write_text(f"{config.read_text()}\n[emulator]\nhoncho_port = {first + 1}\n")
    program = start(demonstration, str(BIN / "honcho"), "start", env={"PATH": f"{BIN}:{BARE}"})
    for port in (first + 1, first + 2, first + 3):
        program.line(rf"Listening at: http://127\.0\.0\.1:{port}")
    program.line(r"proxy\.1 .* start worker process")
    article.check(f"http://localhost:{first}", demonstration / "static", the_app_saw(program))
    groups = program.groups()
    program.stop()
    assert not survivors(groups)
