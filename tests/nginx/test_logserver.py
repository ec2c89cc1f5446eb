"""What a log server gets: the same datagrams from the real nginx and from ours."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need_tool

from .running import OURS, Running

_HTTP = """
log_format short escape=none '$arg_x$uri';
server {
    listen 127.0.0.1:{port};
    location / { access_log syslog:server=UDP short; return 200 one; }
    location /f/ { access_log syslog:server=UDP,facility=mail,tag=web_1,severity=debug,nohostname short; }
    location /u/ { access_log syslog:server=unix:UNIX,tag=unix short; }
    location /e/ { error_log syslog:server=UDP info; error_log syslog:server=UDP,severity=crit,tag=x error; }
    location /crit/ { error_log syslog:server=UDP crit; }
    location /if/ { access_log syslog:server=UDP short if=$arg_y; }
    location /combined/ { access_log syslog:server=UDP,facility=local0; }
    location /two/ { access_log syslog:server=UDP short; access_log syslog:server=UDP,tag=two; }
}
"""
_TARGETS = ("/", "/f/", "/u/", "/e/none", "/crit/none", "/if/?y=1", "/if/", "/combined/", "/two/")
_VARIES = re.compile(rb"\d\d:\d\d:\d\d|\d+#\d+|(?<=\*)\d+|\d\d/\w\w\w/\d{4}|/[^ \"]*/html")


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


def _taken(sock: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(_VARIES.sub(b"~", sock.recv(65536)))
        except BlockingIOError:
            return found


def _played(command: tuple[str, ...], folder: Path, udp: socket.socket) -> list[bytes]:
    folder.mkdir()
    port = f"127.0.0.1:{udp.getsockname()[1]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.bind(str(folder / "log.sock"))
        unix.setblocking(False)
        http = _HTTP.replace("UDP", port).replace("UNIX", str(folder / "log.sock"))
        server = Running(command, folder / "s", http.replace("access_log off;", ""))
        try:
            for target in (*_TARGETS, f"/?x={'a' * 3000}"):
                server.get(target)
            assert server.call("-s", "quit") == 0
            server.wait()
        finally:
            server.stop()
        return _taken(udp) + _taken(unix)


def test_a_log_server_gets_the_same_datagrams(tmp_path: Path, udp: socket.socket) -> None:
    theirs = _played((need_tool("nginx"),), tmp_path / "n", udp)
    ours = _played(OURS, tmp_path / "o", udp)
    assert len(theirs) >= 10
    assert ours == theirs


def test_a_log_server_that_is_not_there_is_told_in_the_log(tmp_path: Path) -> None:
    told = []
    for name, command in (("nginx", (need_tool("nginx"),)), ("ours", OURS)):
        log = "access_log syslog:server=127.0.0.1:1; access_log syslog:server=unix:/nonexistent;"
        http = f"server {{ listen 127.0.0.1:{{port}}; {log} location / {{ return 200 x; }} }}"
        server = Running(command, tmp_path / name, http)
        try:
            for _ in range(6):
                assert server.get().endswith(b"x")
            server.until(lambda server=server: server.count("unix:/nonexistent") == 6)
            told.append({re.sub(r"\*\d+ ", "", line) for line in server.lines if "syslog" in line})
        finally:
            server.stop()
    assert told[0] == told[1]
