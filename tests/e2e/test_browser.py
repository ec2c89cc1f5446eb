"""The article's step 5, in headless Chromium: open http://localhost:8080/ and look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.e2e.conftest import Start
from tests.e2e.project import rewrite

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Visit:
    """A page behind the proxy, and everything that the browser complained about."""

    def __init__(self, page: Page, base: str, folder: Path) -> None:
        self.page, self.base, self.folder = page, base, folder
        self.complaints: list[str] = []
        page.on("console", lambda message: self._note(message.type in ("error", "warning"), message.text))
        page.on("pageerror", lambda error: self._note(True, str(error)))
        page.on("response", lambda reply: self._note(reply.status >= 400, f"{reply.status} {reply.url}"))
        page.on("requestfailed", lambda request: self._note(True, f"failed: {request.url}"))

    def _note(self, wrong: bool, text: str) -> None:
        if wrong:
            self.complaints.append(text)


@pytest.fixture
def visit(
    request: pytest.FixtureRequest,
    demonstration: Path,
    start: Start,
    need: Callable[[str], str],
    tmp_path: Path,
) -> Iterator[Visit]:
    """A fresh browser; a test that asks for "no scripts" gets one that runs none."""
    chromium = need("chromium")
    base = start(demonstration).ready()
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=chromium,
            args=FLAGS,
            java_script_enabled=getattr(request, "param", "scripts") == "scripts",
        )
        yield Visit(context.pages[0], base, demonstration)
        context.close()


def test_step_5_shows_the_heading_drawn_by_the_script_in_the_stylesheets_colour(visit: Visit) -> None:
    rewrite(visit.folder / "static" / "css" / "styles.css", r"--heading: #0b57d0", "--heading: #123456")
    rewrite(
        visit.folder / "static" / "js" / "index.js", r'HEADING = "[^"]+"', 'HEADING = "Drawn by the script"'
    )
    visit.page.goto(visit.base)
    heading = visit.page.locator("h1")
    assert heading.is_visible()
    assert heading.inner_text() == "Drawn by the script"
    assert heading.evaluate("node => getComputedStyle(node).color") == "rgb(18, 52, 86)"
    assert visit.complaints == []


def test_the_page_says_who_answered_and_ten_of_thirty_answers_come_from_each_replica(visit: Visit) -> None:
    visit.page.goto(visit.base)
    answered = visit.page.locator(".who").inner_text()
    assert re.fullmatch(r"webapp\.[123]", answered)
    assert visit.page.locator(".replicas .on").inner_text().startswith(answered)
    visit.page.click("#forget")
    visit.page.click("#ask")
    visit.page.wait_for_selector("#ask:not([disabled])")
    assert visit.page.locator("#bars li").all_inner_texts() == [f"webapp.{slot}\n10" for slot in (1, 2, 3)]
    visit.page.click("#reload")
    visit.page.wait_for_load_state()
    assert visit.page.locator(".who").inner_text() in {"webapp.1", "webapp.2", "webapp.3"}
    assert "The last 31 answers" in visit.page.locator("#spread-text").inner_text()
    assert visit.complaints == []


@pytest.mark.parametrize("visit", ["scripts", "no scripts"], indirect=True)
def test_a_file_sent_by_the_form_is_served_by_the_proxy(visit: Visit) -> None:
    page = visit.page
    page.goto(visit.base)
    note = {"name": "a note <b>.txt", "mimeType": "text/plain", "buffer": b"written by the app"}
    page.set_input_files("[name=file]", files=[note])
    page.click("#upload button")
    page.click("#saved")
    assert page.url == f"{visit.base}/static/uploads/a_note_b.txt"
    assert page.locator("body").inner_text() == "written by the app"
    assert visit.complaints == []


def test_a_file_that_nginx_would_refuse_is_refused_before_it_is_sent(visit: Visit) -> None:
    visit.page.goto(visit.base)
    large = {"name": "large.txt", "mimeType": "text/plain", "buffer": bytes(1_100_000)}
    visit.page.set_input_files("[name=file]", files=[large])
    visit.page.click("#upload button")
    assert "413" in visit.page.locator("#form-error").inner_text()
    assert visit.complaints == []
