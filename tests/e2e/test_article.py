"""The article, typed word for word: by a shell that calls us docker, and by Docker's own client."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.e2e import project
from tests.e2e.article import check_stylesheet
from tests.e2e.test_browser import FLAGS, Visit

TEXT = Path(__file__).with_name("article.md")
BLOCKS = re.findall(r"```bash\n(.*?)```", TEXT.read_text(), re.DOTALL)
IMAGES = """
[images."kmmanoj/flask_gunicorn_app"]
folder = "webapp"
workdir = "/app"
command = "gunicorn -b 0.0.0.0:8000 app"
expose = [8000]
"""
NO_DIGEST = """image {0} could not be accessed on a registry to record
its digest. Each node will access {0} independently,
possibly leading to different nodes running different
versions of the image.

"""


class Reader:
    """Who types: a shell in a folder with the article's files, in which docker is one of two programs."""

    def __init__(self, folder: Path, docker: str, port: int) -> None:
        self.folder, self.docker, self.port = project.demonstration(folder), docker, port
        # Without Docker nothing else can say what the article's image is.
        (folder / "config.toml").write_text(IMAGES)
        self.socket = folder / ".emulator" / "docker.sock"

    def types(self, block: str) -> subprocess.CompletedProcess[str]:
        """Run a block; the folder is filled in, and a port that is free here."""
        filled = block.replace("/path/to", str(self.folder)).replace("8080:", f"{self.port}:")
        return self.runs(f"shopt -s expand_aliases\nalias docker={self.docker!r}\n{filled}")

    def runs(self, script: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "DOCKER_HOST": f"unix://{self.socket}"}
        if "emulator" in self.docker:
            del env["DOCKER_HOST"]
        return subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=env, capture_output=True, text=True, timeout=60
        )

    def emulator(self, *words: str) -> str:
        argv = [sys.executable, "-m", "emulator", *words]
        done = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout


@pytest.fixture(params=["our command line", "docker's client"])
def reader(request: pytest.FixtureRequest, tmp_path: Path, need: Callable[[str], str]) -> Iterator[Reader]:
    ours = request.param == "our command line"
    docker = f"{sys.executable} -m emulator" if ours else need("docker")
    found = Reader(tmp_path / "article", docker, project.free_ports(1))
    if not ours:
        found.emulator("engine", "--detach")
    yield found
    found.emulator("down", "-v")


def test_the_article_word_for_word(reader: Reader, need: Callable[[str], str], tmp_path: Path) -> None:
    init, network, volume, webapp, webproxy, inspect = BLOCKS
    began = reader.types(init)
    assert began.returncode == 0, began
    assert re.fullmatch(INIT, began.stdout)
    if "emulator" in reader.docker:
        started = r"Started an engine in the background \(pid \d+\); `emulator down` stops it\n"
        assert re.fullmatch(started, began.stderr)
    made = reader.types(network)
    assert re.fullmatch(r"[a-z0-9]{25}\n", made.stdout), made
    assert reader.types(volume).stdout == "web_static\n"
    check_created(reader.types(webapp), "kmmanoj/flask_gunicorn_app:latest", 3)
    check_created(reader.types(webproxy), "nginx:latest", 1)
    check_network(json.loads(reader.types(inspect).stdout), made.stdout.strip())
    base = f"http://localhost:{reader.port}"
    check_stylesheet(base, reader.folder / "static")
    step_5(base, need("chromium"), tmp_path, reader.folder)


INIT = (
    r"Swarm initialized: current node \([a-z0-9]{25}\) is now a manager\.\n\n"
    r"To add a worker to this swarm, run the following command:\n\n"
    r"    docker swarm join --token SWMTKN-1-[a-z0-9]{50}-[a-z0-9]{25} [\d.]+:2377\n\n"
    r"To add a manager to this swarm, run 'docker swarm join-token manager' and follow the instructions\.\n"
)


def check_created(done: subprocess.CompletedProcess[str], image: str, replicas: int) -> None:
    """The ID, a line a slot, the progress and the five seconds of verification, as an engine has them."""
    assert (done.returncode, done.stderr) == (0, NO_DIGEST.format(image))
    identity, *lines = done.stdout.splitlines()
    assert re.fullmatch(r"[a-z0-9]{25}", identity)
    slots = [f"{slot}/{replicas}:  " for slot in range(1, replicas + 1)]
    assert lines[: replicas + 1] == [f"overall progress: 0 out of {replicas} tasks", *slots]
    once = list(dict.fromkeys(line for line in lines[replicas + 1 :] if not re.search(r"\d out of", line)))
    waits = [f"verify: Waiting {left} seconds to verify that tasks are stable..." for left in (5, 4, 3, 2, 1)]
    assert once == [*waits, f"verify: Service {identity} converged"]
    assert f"overall progress: {replicas} out of {replicas} tasks" in lines


def check_network(found: list[dict[str, object]], identity: str) -> None:
    """The containers, and the one with 'endpoint' in its name, on the addresses of Docker's order."""
    (network,) = found
    assert (network["Name"], network["Id"], network["Driver"]) == ("web_network", identity, "overlay")
    containers = network["Containers"]
    assert isinstance(containers, dict)
    places = {one["Name"].rsplit(".", 1)[0]: one["IPv4Address"] for one in containers.values()}
    assert places == {
        "webapp.1": "192.168.100.3/24",
        "webapp.2": "192.168.100.4/24",
        "webapp.3": "192.168.100.5/24",
        "web_network-endpoint": "192.168.100.6/24",
        "webproxy.1": "192.168.100.8/24",
    }
    assert containers["lb-web_network"]["Name"] == "web_network-endpoint"


def step_5(base: str, chromium: str, scratch: Path, folder: Path) -> None:
    """Open the browser and look."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            scratch / "profile", executable_path=chromium, args=FLAGS
        )
        visit = Visit(context.pages[0], base, folder)
        visit.page.goto(base)
        assert visit.page.locator("h1").is_visible()
        assert visit.complaints == []
        context.close()


def test_the_readme_types_the_article_as_it_stands() -> None:
    shown = (project.ROOT / "README.md").read_text().replace("\n    > ", "\n")
    for block in BLOCKS:
        assert f"    $ {block}" in shown, block
