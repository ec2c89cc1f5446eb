"""A session with a real engine (20.10.24, client 28.2.2), played again on ours: recorded.cases.

A case is a command, its exit code and both streams, made comparable (`normal`). One whose engine is known to
differ carries the reason and what ours prints instead; a case without a name only sets the stage.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from . import normal

FILE = Path(__file__).with_name("recorded.cases")
CONFIG = """
[images."kmmanoj/flask_gunicorn_app"]
folder = "app"
workdir = "/app"
command = "gunicorn -b 0.0.0.0:8000 -w 1 app:app"
expose = [8000]

[images.bookworm-base]
folder = "base"
"""
APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
CONF = "server { listen 80; location / { proxy_pass http://webapp:8000; } }\n"
STACK = """
version: "3.8"
services:
  webapp:
    image: kmmanoj/flask_gunicorn_app
    environment: {X: stk}
    networks: [web_network]
    volumes: ["web_static:/app/static"]
    deploy: {replicas: 3, endpoint_mode: dnsrr, update_config: {parallelism: 1, delay: 2s}}
  webproxy:
    image: nginx
    networks: [web_network]
    ports: [{mode: host, target: 80, published: 28917}]
    volumes:
      - {type: volume, source: web_static, target: /var/www-data, read_only: true}
      - {type: bind, source: ./nginx_conf, target: /etc/nginx/conf.d}
networks:
  web_network:
    driver: overlay
    ipam: {config: [{subnet: 192.168.101.0/24}]}
volumes:
  web_static: {}
"""


class Answer(NamedTuple):
    code: int
    out: str
    err: str


class Case(NamedTuple):
    name: str
    command: str
    docker: Answer
    why: str = ""  # the engine of ours differs, and does so on purpose
    ours: Answer | None = None

    @property
    def expected(self) -> Answer:
        return self.ours or self.docker


_CASE = re.compile(
    r"\$ (?P<command>[^\n]*)\nrc=(?P<code>\d+)\n--- stdout\n(?P<out>.*?)--- stderr\n(?P<err>.*?)"
    r"(?:--- ours, because (?P<why>[^\n]*)\nrc=(?P<our_code>\d+)\n--- stdout\n(?P<our_out>.*?)"
    r"--- stderr\n(?P<our_err>.*))?",
    re.DOTALL,
)


def cases() -> list[Case]:
    found = []
    for chunk in re.split(r"^=== ", FILE.read_text(), flags=re.MULTILINE)[1:]:
        name, _, rest = chunk.partition("\n")
        match = _CASE.fullmatch(rest)
        if match is None:
            found.append(Case("", rest.removeprefix("$ ").strip(), Answer(0, "", "")))
            continue
        docker = Answer(int(match["code"]), match["out"].strip("\n"), match["err"].strip("\n"))
        ours = None
        if match["why"]:
            ours = Answer(int(match["our_code"]), match["our_out"].strip("\n"), match["our_err"].strip("\n"))
        found.append(Case(name, match["command"], docker, match["why"] or "", ours))
    return found


class Stage:
    """An empty engine in a folder, and a shell beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("app/static", "base", "nginx_conf"):
            (folder / name).mkdir(parents=True)
        (folder / "app/app.py").write_text(APP)
        (folder / "app/static/hello.txt").write_text("hello\n")
        (folder / "nginx_conf/app.conf").write_text(CONF)
        (folder / "config.toml").write_text(CONFIG)
        (folder / "stack.yml").write_text(STACK)
        self.log = (folder / "log").open("w+")
        argv = [sys.executable, "-m", "emulator", "engine"]
        self.process = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log
        )
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], 20)[0], (folder / "log").read_text()
        line = self.process.stdout.readline().decode()
        self.socket = line.removeprefix("API listen on").strip()

    def play(self, session: list[Case]) -> dict[str, Answer]:
        """All of them in their order; what ends in `&` runs beside the next ones."""
        answers, beside = {}, {}
        for case in session:
            if case.command.endswith(" &"):
                beside[case.name] = self._start(case.command.removesuffix("&"))
            else:
                answers[case.name] = self.run(case.command)
        return answers | {name: self._end(process) for name, process in beside.items()}

    def run(self, command: str) -> Answer:
        return self._end(self._start(command), loose=command.endswith("| sort"))

    def _start(self, command: str) -> subprocess.Popen[bytes]:
        env = {
            **os.environ,
            "DOCKER_HOST": f"unix://{self.socket}",
            "SOCKET": self.socket,
            "CONF": str(self.folder / "nginx_conf"),
        }
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def _end(self, process: subprocess.Popen[bytes], *, loose: bool = False) -> Answer:
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return Answer(process.returncode, self._normal(out, loose), self._normal(err, loose))

    def _normal(self, printed: bytes, in_no_order: bool) -> str:
        """With the paths of the machine where Docker was recorded."""
        shown = printed.decode(errors="replace").replace(f"{self.folder}/.emulator", "/var/lib/docker")
        return normal.text(shown.replace(str(self.folder), "/srv/article"), in_no_order=in_no_order)

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()
