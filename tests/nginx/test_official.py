"""The official image's files: the facts of nginx's own, and one text wherever they are needed."""

from __future__ import annotations

from pathlib import Path

import pytest

import emulator
from emulator.nginx import mime, official
from emulator.nginx.conf import parse
from emulator.nginx.modules.http_core import BUILT_IN_TYPES

LAYOUT = Path(emulator.__file__).parent / "container" / "layout" / "etc" / "nginx"


@pytest.mark.parametrize(
    ("name", "text"), [("nginx.conf", official.NGINX_CONF), ("mime.types", mime.file_text())]
)
def test_a_container_has_these_very_files(name: str, text: str) -> None:
    assert (LAYOUT / name).read_text() == text


def test_the_file_of_types_says_what_the_table_says() -> None:
    (types,) = parse("/m", lambda name: mime.file_text().encode()).nodes
    assert types.block is not None
    found = {extension: line.name for line in types.block for extension in line.args}
    assert found == mime.by_extension()


def test_no_extension_has_two_types() -> None:
    extensions = [each for _, several in mime.TYPES for each in set(several.split())]
    assert len(extensions) == len(set(extensions))


@pytest.mark.parametrize(
    ("extension", "kind"),
    [
        ("html", "text/html"),
        ("css", "text/css"),
        ("js", "application/javascript"),
        ("svg", "image/svg+xml"),
        ("woff2", "font/woff2"),
        ("wasm", "application/wasm"),
        ("ico", "image/x-icon"),
        ("json", "application/json"),
        ("mjs", None),
        ("md", None),
    ],
)
def test_what_a_flask_application_serves_has_nginxs_type(extension: str, kind: str | None) -> None:
    assert mime.by_extension().get(extension) == kind


def test_without_any_types_nginx_knows_three() -> None:
    assert mime.BUILT_IN == BUILT_IN_TYPES
