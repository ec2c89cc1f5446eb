"""Every message of the corpus is taken apart, or refused, as its file says; and real nginx judges alike."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.http1 import parse
from emulator.http1.message import BadMessage
from tests.conftest import need_tool

from . import corpus
from .corpus import Case, cases


def ids(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", cases("request/valid"), ids=ids)
def test_a_request_is_taken_apart_as_its_file_says(case: Case) -> None:
    parsed = parse.request_head(case.message)
    assert parsed is not None
    assert corpus.request(parsed[0], case.message[parsed[1] :]) == case.expected


@pytest.mark.parametrize("case", cases("request/invalid"), ids=ids)
def test_a_request_is_refused_as_its_file_says(case: Case) -> None:
    with pytest.raises(BadMessage) as caught:
        parse.request_head(case.message)
    assert corpus.refusal(caught.value) == case.expected


@pytest.mark.parametrize("case", cases("response/valid"), ids=ids)
def test_a_response_is_taken_apart_as_its_file_says(case: Case) -> None:
    parsed = parse.response_head(case.message)
    assert parsed is not None
    assert corpus.response(parsed[0], case.message[parsed[1] :]) == case.expected


@pytest.mark.parametrize("case", cases("response/invalid"), ids=ids)
def test_a_response_is_refused_as_its_file_says(case: Case) -> None:
    with pytest.raises(BadMessage) as caught:
        parse.response_head(case.message)
    assert corpus.refusal(caught.value) == case.expected


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a real nginx that answers whatever it understands with 200."""
    binary = need_tool("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "nginx.conf").write_text(
        f"master_process off; pid {folder}/pid; error_log {folder}/error.log crit; events {{}}\n"
        f"http {{ access_log off; server {{ listen unix:{folder}/socket;\n"
        "location / { return 200 ok; } } }\n"
    )
    # it goes to the background once it listens
    subprocess.run([binary, "-p", f"{folder}/", "-c", f"{folder}/nginx.conf"], check=True)
    yield folder / "socket"
    os.kill(int((folder / "pid").read_text()), signal.SIGTERM)


def verdict(path: Path, message: bytes) -> int:
    """The status that nginx answers with; 200 where it answers as to HTTP/0.9, without one."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(path))
        sock.sendall(message)
        line = sock.recv(4096).partition(b"\r\n")[0]
    return int(line.split(b" ")[1]) if line.startswith(b"HTTP/") else 400 if b"<html>" in line else 200


@pytest.mark.parametrize("case", [*cases("request/valid"), *cases("request/invalid")], ids=ids)
def test_real_nginx_understands_and_refuses_the_same_requests(nginx: Path, case: Case) -> None:
    said = case.expected.split(" ")[0]
    wanted = int(said) if said.isdigit() else {"CONNECT": 405}.get(said, 200)
    assert verdict(nginx, case.message) == wanted
