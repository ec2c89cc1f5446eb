"""The first use of a volume, as Docker's recordings have it."""

from __future__ import annotations

import os
from pathlib import Path

from emulator.container.seed import seed


def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    image, volume = tmp_path / "image", tmp_path / "volume"
    (image / "css").mkdir(parents=True)
    volume.mkdir()
    (image / "css" / "styles.css").write_text("v1")
    (image / "link.css").symlink_to("css/styles.css")
    return image, volume, tmp_path / "state" / "seed.json"


def test_an_empty_volume_takes_the_images_files_with_links_as_links(tmp_path: Path) -> None:
    image, volume, record = folders(tmp_path)
    os.utime(image / "css" / "styles.css", (1, 1))
    assert seed("web_static", volume, image, record) is None
    assert (volume / "css" / "styles.css").read_text() == "v1"
    assert (volume / "css" / "styles.css").stat().st_mtime == 1
    assert (volume / "link.css").is_symlink()


def test_one_entry_is_content_and_a_newer_image_never_comes_but_it_is_told(tmp_path: Path) -> None:
    image, volume, record = folders(tmp_path)
    seed("web_static", volume, image, record)
    assert seed("web_static", volume, image, record) is None
    (image / "css" / "styles.css").write_text("version 2")
    old = seed("web_static", volume, image, record)
    assert (volume / "css" / "styles.css").read_text() == "v1"
    assert old is not None
    assert (old.volume, old.files) == ("web_static", ("css/styles.css",))


def test_a_volume_that_was_filled_by_hand_is_nobodys_old_seed(tmp_path: Path) -> None:
    image, volume, record = folders(tmp_path)
    (volume / "lost+found").mkdir()
    assert seed("web_static", volume, image, record) is None
    assert [entry.name for entry in volume.iterdir()] == ["lost+found"]


def test_a_volume_that_is_the_images_own_folder_needs_no_seed(tmp_path: Path) -> None:
    image, volume, record = folders(tmp_path)
    (tmp_path / "webapp").mkdir()
    (tmp_path / "webapp" / "static").symlink_to(image)
    assert seed("web_static", image, tmp_path / "webapp" / "static", record) is None
    assert seed("web_static", volume, None, record) is None
