"""Volumes, binds and tmpfs as a task has them; what may not be written; a seed that has grown old."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.container.environment import SHIM
from emulator.container.images import Recipe
from emulator.container.mounts import Mounted, Volumes, readonly
from emulator.settings import EmulatorSettings, Mount, Settings, Volume
from emulator.swarm.agent import Rejected

WEB = Mount("volume", "web", "/app/static")


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.notes = folder, folder / "home", list[str]()
        (folder / "image" / "static").mkdir(parents=True)
        (folder / "image" / "static" / "style.css").write_text("v1")
        self.recipe = Recipe("app", (), workdir="/app", folder=folder / "image")

    def volumes(self, *, fresh: bool = False, own: Path | None = None) -> Volumes:
        settings = Settings(
            self.folder / "config.toml",
            "p",
            volumes=(Volume("web", own),),
            emulator=EmulatorSettings(state=self.folder / "state"),
        )
        return Volumes(settings, lambda: 1_800_000_000.0, self.notes.append, fresh=fresh)

    def mount(self, mount: Mount, *, fresh: bool = False) -> Path:
        return Path(self.volumes(fresh=fresh).mount(mount, self.recipe, self.home).real)

    def change(self) -> None:
        (self.folder / "image" / "static" / "style.css").write_text("version 2")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_an_old_seed_stays_and_is_told_once_with_what_to_do_about_it(project: Project) -> None:
    project.mount(WEB)
    project.change()
    volumes = project.volumes()
    for _ in range(2):
        real = Path(volumes.mount(WEB, project.recipe, project.home).real)
    assert (real / "style.css").read_text() == "v1"
    (note,) = project.notes
    assert note.startswith("volume web still has the old style.css, seeded on 2027-01-1")
    assert note.endswith("`emulator volume rm web` or `emulator up --fresh-volumes` takes the new one")


def test_fresh_volumes_take_the_images_files_and_lose_what_else_they_had(project: Project) -> None:
    (project.mount(WEB) / "upload").write_text("mine")
    project.change()
    real = project.mount(WEB, fresh=True)
    assert [entry.name for entry in real.iterdir()] == ["style.css"]
    assert (real / "style.css").read_text() == "version 2"
    assert not project.notes
    project.mount(WEB)
    assert not project.notes, "it is fresh"


def test_a_volume_in_a_folder_of_the_users_own_keeps_what_else_is_there(project: Project) -> None:
    own = project.folder / "own"
    first = project.volumes(own=own)
    first.mount(WEB, project.recipe, project.home)
    (own / "upload").write_text("mine")
    project.change()
    project.volumes(own=own, fresh=True).mount(WEB, project.recipe, project.home)
    assert (own / "style.css").read_text() == "version 2"
    assert (own / "upload").read_text() == "mine"
    first.forget("web")
    assert (own / "upload").exists()


def test_a_removed_volume_begins_anew(project: Project) -> None:
    real = project.mount(WEB)
    project.change()
    project.volumes().forget("web")
    assert not real.exists()
    assert (project.mount(WEB) / "style.css").read_text() == "version 2"
    assert not project.notes


def test_nothing_is_copied_where_that_was_not_wanted_and_a_volume_without_a_name_gets_one(
    project: Project,
) -> None:
    assert not list(project.mount(WEB._replace(no_copy=True)).iterdir())
    volumes = project.volumes()
    anonymous = [
        volumes.mount(Mount("volume", "", "/app/static"), project.recipe, project.home) for _ in "ab"
    ]
    assert {len(mounted.mount.source) for mounted in anonymous} == {64}
    assert anonymous[0].real != anonymous[1].real
    assert all((Path(mounted.real) / "style.css").exists() for mounted in anonymous)


def test_a_tmpfs_is_the_tasks_own_and_a_bind_what_it_names(project: Project) -> None:
    assert project.mount(Mount("tmpfs", "", "/run/x")).is_relative_to(project.home)
    assert project.mount(Mount("bind", str(project.folder), "/x")) == project.folder


def test_no_target_leads_out_of_the_tasks_root(project: Project) -> None:
    beside = project.folder / "beside"
    beside.mkdir()
    wanted = Mount("volume", "web", f"/a/../../../../../../../../..{beside}")
    mounted = project.volumes().mount(wanted, project.recipe, project.home)
    assert mounted.mount.target == str(beside)


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        (
            Mount("bind", "/nonexistent", "/x"),
            'invalid mount config for type "bind": bind source path does not exist: /nonexistent',
        ),
        (Mount("volume", "web", "rel"), "invalid mount target, must be an absolute path: rel"),
        (Mount("bind", "rel", "/x"), "invalid bind mount source, must be an absolute path: rel"),
        (Mount("bind", "", "/x"), "invalid bind mount source, must be an absolute path: "),
        (Mount("volume", "/a/b", "/x"), "invalid volume mount source, must not be an absolute path: /a/b"),
        (Mount("tmpfs", "foo", "/x"), "invalid tmpfs source, source must be empty"),
        (
            Mount("volume", "web", "/../."),
            "invalid mount config for type \"volume\": invalid specification: destination can't be '/'",
        ),
        (
            Mount("volume", "a", "/x"),
            "create a: volume name is too short, names should be at least two alphanumeric characters",
        ),
        (
            Mount("volume", "../up", "/x"),
            'create ../up: "../up" includes invalid characters for a local volume name, only "[a-zA-Z0-9]'
            '[a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
        ),
    ],
)
def test_what_cannot_be_mounted_is_rejected_in_dockers_words(
    project: Project, mount: Mount, words: str
) -> None:
    with pytest.raises(Rejected) as error:
        project.mount(mount)
    assert str(error.value) == words


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("open('static/new', 'w')", True),
        ("open('static/style.css', 'a')", True),
        ("pathlib.Path('static/new').touch()", True),
        ("os.remove('static/style.css')", True),
        ("os.mkdir('static/sub')", True),
        ("os.rename('static/style.css', 'x')", True),
        ("os.chdir('static'); open('new', 'wb')", True),
        ("shutil.copy('app.py', 'static')", True),
        ("tempfile.mkstemp(dir='static')", True),
        ("print(open('static/style.css').read())", False),
        ("open('app.py', 'w')", False),
        ("open('static/cache/new', 'w')", False),
    ],
)
def test_python_cannot_write_below_a_readonly_mount(tmp_path: Path, code: str, refused: bool) -> None:
    root, volume, cache = tmp_path / "root", tmp_path / "volume", tmp_path / "cache"
    for folder in (root / "app", volume, cache):
        folder.mkdir(parents=True)
    (volume / "style.css").write_text("v1")
    (root / "app" / "app.py").write_text("")
    (root / "app" / "static").symlink_to(volume)
    (volume / "cache").symlink_to(cache)
    mounts = (
        Mounted(Mount("volume", "v", "/app/static", read_only=True), str(volume)),
        Mounted(Mount("volume", "c", "/app/static/cache"), str(cache)),
    )
    marks = {"EMULATOR_TASK": "t", "EMULATOR_READONLY": readonly(root, mounts, whole=False)}
    done = subprocess.run(
        [sys.executable, "-c", f"import os, pathlib, shutil, tempfile; {code}"],
        check=False,
        cwd=root / "app",
        env={**os.environ, **marks, "PYTHONPATH": SHIM},
        capture_output=True,
        text=True,
    )
    assert ("Read-only file system" in done.stderr) is refused, done.stderr
    assert (done.returncode != 0) is refused


def test_with_a_readonly_root_only_mounts_are_written(tmp_path: Path) -> None:
    mounts = (Mounted(WEB, "/v/web"),)
    rules = readonly(tmp_path, mounts, whole=True).split(os.pathsep)
    assert rules == [f"ro={tmp_path}", f"rw={tmp_path}/app/static", "rw=/v/web"]
    assert readonly(tmp_path, mounts, whole=False) == ""
