"""Image names and their recipes; the official nginx layout; what is in an environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.container import environment as environments
from emulator.container import images
from emulator.container.images import NoSuchImage, familiar, recipe, tagged
from emulator.nginx import mime, official
from emulator.settings import Image

LAYOUT = Path(images.__file__).parent / "layout"


@pytest.mark.parametrize(
    "name",
    ["nginx", "nginx:1.25-alpine", "library/nginx", "docker.io/library/nginx:latest", "nginx@sha256:abc"],
)
def test_nginx_of_any_tag_is_our_room(name: str) -> None:
    made = recipe(name, ())
    assert made.has_namespace
    assert made.real(made.command())[1:] == ("-S", "-m", "emulator.nginx", "-g", "daemon off;")
    assert made.real(made.command(None, ("nginx", "-t")))[1:] == ("-S", "-m", "emulator.nginx", "-t")
    assert (made.stop_signal, made.expose) == ("SIGQUIT", (80,))


def test_the_users_recipe_goes_before_ours() -> None:
    own = Image("nginx", command=("my-nginx",))
    assert recipe("nginx", [own]).argv == ("my-nginx",)
    assert recipe("nginx:1.25", [own]).argv == ("my-nginx",)


def test_a_services_arguments_follow_the_entrypoint_and_its_own_entrypoint_stands_alone() -> None:
    made = recipe("app", [Image("app", command=("serve", "-v"), entrypoint=("run",))])
    assert made.command() == ("run", "serve", "-v")
    assert made.command(None, ("check",)) == ("run", "check")
    assert made.command(("sh",), None) == ("sh",)
    assert made.command(("sh", "-c"), ("true",)) == ("sh", "-c", "true")


def test_an_unknown_image_is_refused_in_dockers_words() -> None:
    with pytest.raises(NoSuchImage, match=r"No such image: nosuchimage:latest"):
        recipe("nosuchimage", ())
    assert tagged("localhost:5000/app") == "localhost:5000/app:latest"
    assert familiar("docker.io/library/app:latest") == "app"


def test_the_layout_is_the_one_that_the_nginx_room_describes() -> None:
    assert (LAYOUT / "etc/nginx/nginx.conf").read_text() == official.NGINX_CONF
    assert (LAYOUT / "etc/nginx/conf.d/default.conf").read_text() == official.DEFAULT_CONF
    assert (LAYOUT / "etc/nginx/mime.types").read_text() == mime.file_text()
    assert (LAYOUT / "usr/share/nginx/html/50x.html").exists()


def test_a_task_gets_what_a_container_has_and_not_the_developers_shell() -> None:
    own = {
        "PATH": "/usr/bin",
        "HOME": "/home/me",
        "DATABASE_URL": "secret",
        "LC_ALL": "C.UTF-8",
        "https_proxy": "http://proxy",
        "PYTHONPATH": "/mine",
        "GUNICORN_CMD_ARGS": "--bind :9",
    }
    made = environments.environment(
        own, "h1", {"A": "1", "PYTHONPATH": "/app/lib"}, {"EMULATOR_X": "y"}, "/shim"
    )
    assert made == {
        "PATH": f"{Path(__import__('sys').executable).parent}:/usr/bin",
        "HOME": "/home/me",
        "HOSTNAME": "h1",
        "LC_ALL": "C.UTF-8",
        "https_proxy": "http://proxy",
        "PYTHONUNBUFFERED": "1",
        "A": "1",
        "PYTHONPATH": "/shim:/app/lib",
        "EMULATOR_X": "y",
    }
