"""A side: one server process with its own prefix, ports, files and upstreams, started from a scene.

Both sides get the same layout under paths of equal length, so that nothing but what `differences`
knows can differ in size. Ports come from below the range that the kernel hands out by itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from . import certificates, guard
from .casefile import File, Scene
from .nameserver import NameServer
from .script import Step
from .secure import SECURE, Resumed
from .upstream import Loop, Upstreams

MTIME = 1542758400  # 2018-11-21 00:00:00 UTC, the day of the article
STARTED, STOPPED = 10.0, 5.0
_PLACEHOLDER = re.compile(r"\{(port[23]?|upstream[23]?|secure[23]?|sid[23]?|refused|dns|fence|root|prefix)\}")

_MAIN = """\
daemon off;
worker_processes 1;
{user}
pid nginx.pid;
error_log logs/error.log info;
events {{ worker_connections 512; }}
http {{
    {access}
    server {{ listen 127.0.0.1:{{fence}}; access_log off; location / {{ return 204; }} }}
{conf}
}}
"""


class NotStarted(Exception):
    """The server refused the configuration or died before it listened; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Command:
    """How a side's server is called; the name also names its folder (all of one length)."""

    name: str
    argv: tuple[str, ...]


def ours() -> Command:
    return Command("ours", (sys.executable, "-m", "emulator.nginx"))


def reserve(taken: set[int]) -> int:
    """A port that is free now, none of `taken`, outside of the range for outgoing connections."""
    while True:
        port = random.SystemRandom().randrange(11000, 32000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("0.0.0.0", port))
            if port not in taken:
                taken.add(port)
                return port


def configuration(scene: Scene) -> str:
    """The whole nginx.conf of a scene, placeholders still in it."""
    if scene.whole:
        return scene.conf
    logs = any("access" in item.checks for item in scene.exchanges)
    access = "access_log logs/access.log;" if logs else "access_log off;"
    return _MAIN.format(user="user root root;" if os.geteuid() == 0 else "", access=access, conf=scene.conf)


class Side:
    """One server that runs a scene."""

    def __init__(
        self, command: Command, scene: Scene, loop: Loop, folder: Path, shared: Upstreams | None = None
    ) -> None:
        self.command, self.prefix = command, folder / command.name.rjust(5, "_")
        text = configuration(scene)
        used = set(_PLACEHOLDER.findall("".join((text, *scene.includes.values()))))
        numbers = {int(name[8:] or 1) for name in used if name.startswith("upstream")}
        numbers |= {number for name, number in SECURE.items() if name in used}
        self.upstreams = shared or Upstreams(loop, numbers)
        self.names = NameServer(loop, self.upstreams.ports) if "dns" in used else None
        self._loop = loop
        self.kept = Resumed()
        self._blocked = socket.socket()
        self._blocked.bind(("127.0.0.1", 0))
        self._text, self._includes, self._routes = text, scene.includes, scene.routes
        self.ports: dict[str, int] = {}
        self._files(scene.files)
        self._spawn()

    def _files(self, files: tuple[File, ...]) -> None:
        root = self.prefix / "root"
        for folder in (root, self.prefix / "logs"):
            folder.mkdir(parents=True)
        if any("tls/" in text for text in (self._text, *self._includes.values())):
            (self.prefix / "tls").symlink_to(certificates.folder())
        for file in files:
            _make(root, file)
        for path in sorted(root.rglob("*"), reverse=True):
            os.utime(path, (MTIME, MTIME), follow_symlinks=False)
        os.utime(root, (MTIME, MTIME))
        for file in files:
            if file.mtime is not None:
                os.utime(root / file.path, (file.mtime, file.mtime))

    def change(self, step: Step) -> None:
        """Do a step of an exchange that is about a file."""
        path = self.prefix / "root" / step.path
        if step.verb == "remove":
            path.unlink()
            return
        if step.verb == "rewrite":
            path.write_bytes(step.data)
        else:
            new = path.with_name(path.name + ".new")
            new.write_bytes(step.data)
            new.replace(path)
        os.utime(path, (MTIME + 60, MTIME + 60))

    def _spawn(self) -> None:
        taken: set[int] = set()
        self.ports = {name: reserve(taken) for name in ("port", "port2", "port3", "fence")}
        self.ports |= {_name(number): port for number, port in self.upstreams.ports.items()}
        if self.names is not None:
            self.ports["dns"] = self.names.port
        self.ports["refused"] = self._blocked.getsockname()[1]
        self.upstreams.routes = {
            key: tuple(replace(step, data=self.fill_bytes(step.data)) for step in script)
            for key, script in self._routes.items()
        }
        file = self.prefix / "nginx.conf"
        for name, text in {**self._includes, file.name: self._text}.items():
            (self.prefix / name).parent.mkdir(parents=True, exist_ok=True)
            (self.prefix / name).write_text(self.fill(text))
        arguments = ["-p", f"{self.prefix}/", "-c", str(file), "-e", "stderr"]
        self._output = (self.prefix / "stderr").open("wb")
        self.process = subprocess.Popen(
            [*self.command.argv, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )
        guard.group("add", self.process.pid)

    def fill(self, text: str) -> str:
        """Placeholders -> this side's values."""
        values = {**self.ports, **self.sids(), "root": self.prefix / "root", "prefix": self.prefix}
        return _PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), text)

    def sids(self) -> dict[str, str]:
        """What `sticky` makes of each upstream's address."""
        return {
            f"sid{number}".removesuffix("1"): hashlib.md5(b"127.0.0.1:%d" % port).hexdigest()
            for number, port in self.upstreams.ports.items()
            if number not in SECURE.values()
        }

    def fill_bytes(self, data: bytes) -> bytes:
        return self.fill(data.decode("latin-1")).encode("latin-1") if b"{" in data else data

    def ready(self) -> None:
        """Return when the pid file says that every socket listens; raise NotStarted otherwise."""
        pid, deadline = self.prefix / "nginx.pid", time.monotonic() + STARTED
        while time.monotonic() < deadline:
            if pid.exists() and pid.stat().st_size:
                return
            if self.process.poll() is not None:
                if "Address already in use" not in self.said():
                    raise NotStarted(self.said() or f"exit code {self.process.returncode}, and not a word")
                self._output.close()
                self._spawn()
            time.sleep(0.002)
        raise NotStarted(f"no pid file after {STARTED} s: {self.said()}")

    def said(self) -> str:
        return (self.prefix / "stderr").read_text("utf-8", "replace").strip()

    def logs(self) -> dict[str, Path]:
        return {path.stem: path for path in sorted((self.prefix / "logs").glob("*.log"))}

    def stop(self) -> None:
        """TERM, and KILL for the whole group should it not end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOPPED)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        guard.group("del", self.process.pid)
        self._output.close()
        self._blocked.close()
        self.upstreams.close()
        if self.names is not None:
            self.names.close(self._loop)


def _name(number: int) -> str:
    """The placeholder of an upstream's port."""
    found = next((name for name, secure in SECURE.items() if secure == number), None)
    return found or f"upstream{number}".removesuffix("1")


def _make(root: Path, file: File) -> None:
    path = root / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.link is not None:
        path.symlink_to(file.link)
    elif file.content is None:
        path.mkdir(exist_ok=True)
    else:
        path.write_bytes(file.content)
    if file.mode is not None:
        path.chmod(file.mode)


def without_lacking(scene: Scene) -> Scene:
    """The scene without the lines that only an nginx with more modules understands."""
    if not scene.lacking:
        return scene
    lines = re.compile(rf"(?m)^\s*(?:{'|'.join(scene.lacking)})\b.*;$")
    includes = {name: lines.sub("", text) for name, text in scene.includes.items()}
    return replace(scene, conf=lines.sub("", scene.conf), includes=includes)


class Pair:
    """A scene on both sides; `fault` says why ours does not run."""

    def __init__(self, scene: Scene, reference: Command, candidate: Command, loop: Loop) -> None:
        self.scene = scene
        self.folder = Path(tempfile.mkdtemp(prefix="oracle-"))
        self.folder.chmod(0o755)
        guard.folder("add", self.folder)
        self.reference = Side(reference, without_lacking(scene), loop, self.folder)
        shared = self.reference.upstreams if scene.shared else None
        ours_too = scene if candidate.argv != reference.argv else without_lacking(scene)
        self.candidate = Side(candidate, ours_too, loop, self.folder, shared)
        self.fault: str | None = None
        try:
            self.reference.ready()
        except NotStarted:
            self.stop()
            raise
        try:
            self.candidate.ready()
        except NotStarted as error:
            self.fault = str(error)

    def stop(self) -> None:
        self.reference.stop()
        self.candidate.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        guard.folder("del", self.folder)
