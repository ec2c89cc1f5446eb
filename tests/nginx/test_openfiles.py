"""How files are opened: what a worker remembers as time passes, and links under a container's mount."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.nginx.autoindex import Entry, Style, as_html, as_json, as_xml
from emulator.nginx.symlinks import _parted

from .serving import Serving

Serve = Callable[[str], Serving]

_CACHE = "server { listen 80; root {root}; open_file_cache max=%d inactive=%ds; open_file_cache_valid %ds; }"


def replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def kept(folder: Path) -> int:
    """How many files of a folder are open in this process."""
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(link.parent == folder and link.suffix != ".log" for link in links)


def test_what_is_remembered_is_believed_until_valid_is_over(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    serving = serve(_CACHE % (10, 60, 30))
    assert serving.get("/a").endswith(b"one")
    replace(file, "two")
    serving.after(29)
    assert serving.get("/a").endswith(b"one")
    serving.after(1)
    assert serving.get("/a").endswith(b"two")
    file.unlink()
    assert serving.get("/a").endswith(b"two")
    serving.after(30)
    assert b" 404 " in serving.get("/a")


def test_a_file_that_nobody_asks_for_is_closed(serve: Serve, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    serving = serve(_CACHE % (10, 5, 300))
    serving.get("/a")
    serving.get("/b")
    assert kept(tmp_path) == 2
    serving.after(6)
    serving.get("/c")
    assert kept(tmp_path) == 1


def test_only_so_many_are_kept_open(serve: Serve, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).write_text("x")
    serving = serve(_CACHE % (3, 60, 300))
    for number in range(20):
        assert serving.get(f"/{number}").endswith(b"x")
    assert kept(tmp_path) == 3


def test_a_replaced_file_is_sent_to_its_end(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"1" * 5_000_000)
    serving = serve(_CACHE % (10, 60, 0))
    client = serving.client(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    replace(file, "new")
    assert serving.get("/large").endswith(b"\r\n\r\nnew")
    assert serving.answer(client).count(b"1") >= 5_000_000


@pytest.mark.parametrize(
    ("name", "real", "start", "parted"),
    [
        ("/srv/www/a/b", "/srv/www/a/b", 0, ("/", "srv/www/a/b")),
        ("/srv/www/a/b", "/srv/www/a/b", 8, ("/srv/www", "a/b")),
        ("/var/data/a/b", "/home/u/static/a/b", 0, ("/home/u/static", "a/b")),
        ("/var/data/a/b", "/home/u/static/a/b", 9, ("/home/u/static", "a/b")),
        ("/var/data/a/b", "/home/u/static/a/b", 11, ("/home/u/static/a", "b")),
        ("/var/data/a/b", "/home/u/static/a/b", 4, ("/home/u/static", "a/b")),
        ("/var/data", "/home/u/static", 0, ("/home/u/static", "")),
    ],
)
def test_a_mount_is_no_link(name: str, real: str, start: int, parted: tuple[str, str]) -> None:
    assert _parted(name, real, start) == parted


FILE = Entry(b"a<b>.txt", folder=False, file=True, mtime=0, size=10_000)
FOLDER = Entry(b"\xc3\xbc" * 60, folder=True, file=False, mtime=86_400, size=4096)


def test_a_list_for_people() -> None:
    text = as_html(b"/x&y/", [FOLDER, FILE], Style(exact_size=False, utf8=True), offset=3600)
    folder, file = text.split(b"\r\n")[4:6]
    assert b"<title>Index of /x&amp;y/</title>" in text
    assert (
        folder
        == b'<a href="'
        + b"%C3%BC" * 60
        + b'/">'
        + "ü".encode() * 47
        + b"..&gt;</a> 02-Jan-1970 01:00       -"
    )
    assert file == b'<a href="a%3Cb%3E.txt">a&lt;b&gt;.txt</a>' + b" " * 43 + b"01-Jan-1970 01:00     10K"


def test_lists_for_programs() -> None:
    assert as_json([FILE], b"f") == (
        b'/* callback */\r\nf([\r\n{ "name":"a<b>.txt", "type":"file", '
        b'"mtime":"Thu, 01 Jan 1970 00:00:00 GMT", "size":10000 }\r\n]);'
    )
    assert as_json([]) == b"[\r\n]"
    assert as_xml([FILE]) == (
        b'<?xml version="1.0"?>\r\n<list>\r\n'
        b'<file mtime="1970-01-01T00:00:00Z" size="10000">a&lt;b&gt;.txt</file>\r\n</list>\r\n'
    )
