"""A task's root: the image by links, mounts over it, private where the task writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.container.root import Root, remove_tree


@pytest.fixture
def image(tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    (folder / "static" / "css").mkdir(parents=True)
    (folder / "pkg" / "inner").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    (folder / "app.py").write_text("app")
    (folder / "static" / "old.css").write_text("old")
    (folder / "pkg" / "a.py").write_text("a")
    (folder / "pkg" / "inner" / "b.py").write_text("b")
    return folder


@pytest.fixture
def root(tmp_path: Path, image: Path) -> Root:
    made = Root(tmp_path / "root")
    made.image("/app", image, tmp_path / "bytecode")
    made.provide("/app")
    return made


def test_the_image_is_there_and_what_is_written_beside_it_stays_in_the_task(root: Root, image: Path) -> None:
    app = root.path / "app"
    assert (app / "app.py").read_text() == "app"
    (app / "upload.txt").write_text("mine")
    assert not (image / "upload.txt").exists()


def test_a_volume_hides_what_the_image_has_there(root: Root, tmp_path: Path, image: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    root.mounts([("/app/static", str(volume))])
    (root.path / "app/static/new.css").write_text("new")
    assert (volume / "new.css").read_text() == "new"
    assert not (root.path / "app/static/old.css").exists()
    assert (image / "static" / "old.css").exists()


def test_a_mount_inside_a_folder_of_the_image_keeps_its_siblings(root: Root, tmp_path: Path) -> None:
    mounted = tmp_path / "data"
    mounted.mkdir()
    (mounted / "c.py").write_text("c")
    root.mounts([("/app/pkg/inner", str(mounted)), ("/var/lib/x", str(mounted))])
    pkg = root.path / "app/pkg"
    assert (pkg / "a.py").read_text() == "a"
    assert (pkg / "inner" / "c.py").read_text() == "c"
    assert not (pkg / "inner" / "b.py").exists()
    assert (root.path / "var/lib/x/c.py").exists()


def test_a_mount_inside_a_mount_lies_over_it(root: Root, tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "inner"
    (outer / "conf.d").mkdir(parents=True)
    inner.mkdir()
    (outer / "nginx.conf").write_text("main")
    (inner / "app.conf").write_text("app")
    root.mounts([("/etc/nginx/conf.d", str(inner)), ("/etc/nginx", str(outer))])
    assert (root.path / "etc/nginx/conf.d/app.conf").read_text() == "app"
    assert (root.path / "etc/nginx/nginx.conf").read_text() == "main"
    assert not (outer / "conf.d" / "app.conf").exists()


def test_a_file_can_be_mounted_over_one_of_the_image(root: Root, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("other")
    root.mounts([("/app/app.py", str(other))])
    assert (root.path / "app/app.py").read_text() == "other"


def test_paths_of_the_container_are_translated_where_image_or_mounts_provide_them(
    root: Root, tmp_path: Path
) -> None:
    root.mounts([("/app/static", "/real/static")])
    words = ["/app/static/x", "/app/conf.py", "/app", "/application", "/etc/passwd", "app:app"]
    assert [root.translate(word) for word in words] == [
        "/real/static/x",
        f"{root.path}/app/conf.py",
        f"{root.path}/app",
        "/application",
        "/etc/passwd",
        "app:app",
    ]


def test_bytecode_is_shared_by_the_tasks_of_an_image_and_not_with_the_source(
    root: Root, tmp_path: Path
) -> None:
    assert (root.path / "app/__pycache__").resolve() == (tmp_path / "bytecode").resolve()


def test_removing_a_root_removes_links_and_never_what_they_lead_to(root: Root, image: Path) -> None:
    (root.path / "app" / "private").mkdir()
    (root.path / "app" / "private" / "file").write_text("x")
    remove_tree(root.path)
    assert not root.path.exists()
    assert (image / "app.py").exists()
    assert (image / "pkg" / "inner" / "b.py").exists()
    remove_tree(root.path)


def test_what_climbs_above_the_root_stays_below_it(root: Root, tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "mine").write_text("mine")
    out = f"/x/../../../../../../../../../../..{beside}"
    root.mounts([(out, str(tmp_path / "volume"))])
    assert root.folder(f"{out}/sub/../work").is_relative_to(root.path)
    assert (beside / "mine").exists()
