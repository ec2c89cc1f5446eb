"""Copies of the project on ports of their own, and little projects around one special app."""

from __future__ import annotations

import random
import re
import shutil
import socket
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("config.toml", "Procfile", "nginx_conf", "static", "webapp")
# What a make that runs the tests says to a make below it, taken back: a person has no make above.
UNMADE = {"MAKEFLAGS": "", "MAKELEVEL": "", "MFLAGS": ""}


def tracked(target: Path) -> Path:
    """What a clean clone would hold, with the text that the files have now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        source, copy = ROOT / name, target / name
        if source.is_symlink() or source.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy, follow_symlinks=False)
    return target


def demonstration(target: Path) -> Path:
    """The demonstration alone, published on any free port."""
    target.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, target / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy2(source, target / name)
    republish(target, 0)
    return target


def republish(folder: Path, port: int) -> None:
    """Publish the proxy on `port` instead of 8080; 0 is any free port."""
    rewrite(folder / "config.toml", r"\b8080\b", str(port))


def rewrite(file: Path, pattern: str, replacement: str) -> None:
    """Change one thing in a file, and insist that it was there."""
    text, count = re.subn(pattern, lambda _: replacement, file.read_text())
    assert count, f"{file} holds no {pattern}"
    file.write_text(text)


def free_ports(count: int) -> int:
    """The first of `count` free neighbouring ports, below those that the kernel gives to clients."""
    while True:
        first = random.randrange(20000, 32000 - count)
        if all(_free(port) for port in range(first, first + count)):
            return first


def _free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
