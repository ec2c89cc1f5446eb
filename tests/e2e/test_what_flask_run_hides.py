"""The README's list: each bug that `flask run` hides shows itself here, as it would in production."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import project
from tests.e2e.conftest import Start
from tests.e2e.running import Running
from tests.e2e.traffic import ask

APP = """
import secrets
from pathlib import Path

from flask import Flask, request, session, url_for

application = Flask(__name__)
application.secret_key = secrets.token_hex()
hits = 0
note = Path(application.root_path, "note.txt")


@application.get("/")
def index():
    global hits
    hits += 1
    return {
        "hits": hits,
        "user": session.get("user"),
        "scheme": request.scheme,
        "url": url_for("index", _external=True),
        "note": note.exists(),
    }


@application.get("/login")
def login():
    session["user"] = "me"
    note.write_text("kept beside the code")
    return "welcome"
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app with the usual mistakes, behind a proxy that says https."""
    folder = project.demonstration(tmp_path_factory.mktemp("mistakes") / "project")
    (folder / "webapp" / "app.py").write_text(APP)
    forwarded = "proxy_set_header X-Forwarded-Proto https; proxy_pass"
    project.rewrite(folder / "nginx_conf" / "app.conf", "proxy_pass", forwarded)
    program = Running((sys.executable, "-m", "emulator"), folder)
    try:
        yield program.ready()
    finally:
        program.discard()


def test_what_a_module_remembers_is_known_to_one_replica_only(base: str) -> None:
    first, second = ([ask(base).json["hits"] for _ in range(3)] for _ in range(2))
    assert second == [count + 1 for count in first], "three counters, not one"


def test_a_random_secret_key_loses_the_login_two_times_in_three(base: str) -> None:
    cookie = ask(base, "/login").headers["set-cookie"].partition(";")[0]
    users = [ask(base, headers={"Cookie": cookie}).json["user"] for _ in range(3)]
    assert sorted(users, key=str) == [None, None, "me"]


def test_a_file_beside_the_code_is_on_one_replicas_disk_only(base: str) -> None:
    ask(base, "/login")
    assert {ask(base).json["note"] for _ in range(3)} == {True, False}


def test_an_absolute_url_names_the_service_and_not_the_site(base: str) -> None:
    assert ask(base).json["url"] == "http://webapp:8000/"


def test_gunicorn_does_not_believe_the_forwarded_scheme_of_a_proxy_on_another_host(base: str) -> None:
    assert ask(base).json["scheme"] == "http"


def test_nginxs_own_redirect_loses_the_published_port(base: str) -> None:
    assert ask(base, "/static").headers["location"] == "http://localhost/static/"


def test_a_body_over_1_mb_ends_at_the_proxy(base: str) -> None:
    assert ask(base, "/", "POST", bytes(1_100_000)).status == 413


def test_an_app_that_listens_on_127_0_0_1_is_a_502(demonstration: Path, start: Start) -> None:
    project.rewrite(demonstration / "config.toml", r"0\.0\.0\.0:8000", "127.0.0.1:8000")
    project.rewrite(demonstration / "config.toml", '"0:80"', f'"{(port := project.free_ports(1))}:80"')
    program = start(demonstration)
    for _ in range(3):
        program.line("Booting worker")
    program.line("start worker process")
    assert ask(f"http://localhost:{port}").status == 502
    program.line(r"connect\(\) failed \(111: Connection refused\) while connecting to upstream")
    assert program.stop() == 0
