"""A published configuration -> a scene: its ports, hosts and folders become a test's own.

What is written in a `.case` file here is what stands on a server, `listen 80`, `web:8000`, `/var/www`; the
section `--- world` says, a line each, `web:8000 = 127.0.0.1:{upstream}`. An empty `--- main` stands for the
nginx.conf of the official image.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from emulator.nginx import official
from tests.oracle.casefile import Scene, load

HERE = Path(__file__).parent
LAYOUT = HERE.parents[2] / "emulator/container/layout/etc/nginx"
PORTS = {"80": "{port}", "443": "{port2}"}
OTHERS = "{port3}"

_LISTEN = re.compile(r"(?m)^(?P<before>\s*listen\s+(?:\S*:)?)(?P<port>\d+)(?=[\s;])")
_FOLDER = re.compile(
    r"(?m)(?P<quote>[\s\"'=:])(?P<path>/(?:var/www|srv|home|opt|usr/share/nginx|var/cache/nginx))(?=[/;\s])"
)
_LOCATION = re.compile(r"^\s*(?:location|rewrite|return|if|proxy_redirect|proxy_cookie_path|#)\b")
_WORDS = (
    ("/var/log/nginx/", "{prefix}/logs/"),
    ("/etc/nginx/", "{prefix}/"),
)
_MAIN = (
    (re.compile(r"(?m)^user\s[^;]*;"), "user root root;" if os.geteuid() == 0 else ""),
    (re.compile(r"(?m)^worker_processes\s[^;]*;"), "worker_processes 1;"),
    (re.compile(r"(?m)^pid\s[^;]*;"), "pid {prefix}/nginx.pid;"),
    (re.compile(r"(?m)^worker_rlimit_nofile\s[^;]*;"), ""),
    (
        re.compile(r"(?m)^http\s*\{"),
        "http { server { listen 127.0.0.1:{fence}; access_log off; location / { return 204; } }",
    ),
)


@dataclass(frozen=True, slots=True)
class Site:
    """One published configuration: its scene, and the first words of its file."""

    scene: Scene
    about: str

    @property
    def refused(self) -> bool:
        return not self.scene.exchanges


def sites() -> list[Site]:
    return [_site(path) for path in sorted(HERE.glob("*.case"))]


def _site(path: Path) -> Site:
    (scene,) = load(path, HERE)
    about = [line.removeprefix("# ") for line in path.read_text("utf-8").split("---")[0].splitlines()]
    replaced = _world(scene)
    scene.conf = _main(moved(scene.conf if scene.conf.strip() else official.NGINX_CONF, replaced))
    scene.includes = {name: moved(text, replaced) for name, text in scene.includes.items()}
    scene.includes.setdefault("mime.types", (LAYOUT / "mime.types").read_text("utf-8"))
    scene.checks = frozenset(["access", "error"])
    return Site(scene, "\n".join(about))


def _world(scene: Scene) -> list[tuple[str, str]]:
    """The pairs of `--- world`, the longest first."""
    pairs = [line.split(" = ", 1) for line in scene.includes.pop("(world)", "").splitlines() if line.strip()]
    return sorted(((old, new) for old, new in pairs), key=lambda pair: -len(pair[0]))


def moved(text: str, pairs: list[tuple[str, str]]) -> str:
    """One file of /etc/nginx as it is to stand in a test's prefix."""
    for old, new in (*pairs, *_WORDS):
        text = re.sub(
            rf"(?<![\w.-]){re.escape(old)}(?!\w)" if old[0].isalnum() else re.escape(old), new, text
        )
    text = _LISTEN.sub(lambda found: found["before"] + PORTS.get(found["port"], OTHERS), text)
    return "\n".join(line if _LOCATION.match(line) else _folders(line) for line in text.split("\n"))


def _folders(line: str) -> str:
    return _FOLDER.sub(r"\g<quote>{root}\g<path>", line)


def _main(text: str) -> str:
    for pattern, replacement in _MAIN:
        text = pattern.sub(replacement, text)
    return f"daemon off;\n{text}"
