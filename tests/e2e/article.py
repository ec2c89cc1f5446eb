"""What the article promises, whichever way the architecture was started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from tests.e2e.project import rewrite
from tests.e2e.traffic import ask, send_file, who


def let_the_app_log(file: Path) -> None:
    """Have gunicorn write a line for each request that reaches the app."""
    rewrite(file, r"gunicorn -b", "gunicorn --access-logfile - -b")


def check(base: str, static: Path, seen_by_app: Callable[[str], object]) -> None:
    """Three replicas in turn, static files from the proxy, what the app writes served at once.

    `seen_by_app` waits for a line of the log, so that the absence of others is known to be no delay.
    """
    check_replicas(base)
    check_stylesheet(base, static)
    name = check_upload(base, static)
    end = f"/whoami?{uuid4().hex}"
    assert ask(base, end).status == 200
    seen_by_app(end)
    assert name.startswith("journey-")


def check_replicas(base: str) -> None:
    told = who(base, 30)
    assert Counter(reply["slot"] for reply in told) == {1: 10, 2: 10, 3: 10}
    assert len({reply["pid"] for reply in told}) == 3
    assert {reply["host"] for reply in told} == {"webapp:8000"}


def check_stylesheet(base: str, static: Path) -> None:
    file = static / "css" / "styles.css"
    answer = ask(base, "/static/css/styles.css")
    assert answer.status == 200
    assert answer.body == file.read_bytes()
    assert answer.headers["content-type"] == "text/css"
    assert answer.headers["etag"] == f'"{int(file.stat().st_mtime):x}-{file.stat().st_size:x}"', "not nginx's"


def check_upload(base: str, static: Path) -> str:
    name, content = f"journey-{uuid4().hex}.txt", uuid4().hex.encode()
    stored = send_file(base, name, content)
    assert stored.status == 303
    assert stored.headers["location"].startswith(f"/?saved={name}"), "relative: the published port is kept"
    served = ask(base, f"/static/uploads/{name}")
    assert (served.status, served.body) == (200, content)
    assert (static / "uploads" / name).read_bytes() == content
    assert name in ask(base, stored.headers["location"]).body.decode()
    return name
