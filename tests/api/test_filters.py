"""What a filter finds, as measured on an engine of 20.10.24: some names are patterns, some beginnings."""

from __future__ import annotations

import pytest

from emulator.api import filters
from emulator.swarm.model import Volume

HERE = {"Scope": "local", "Labels": {"a": "b", "c": ""}, "Driver": "bridge"}
AFAR = {"Scope": "swarm", "Labels": None, "Driver": "overlay"}
NETWORKS = [
    {"Name": "bridge", "Id": "e44635f3", **HERE, "Labels": {}},
    {"Name": "br9", "Id": "0913aa", **HERE},
    {"Name": "ingress", "Id": "dtkrmxob", **AFAR},
    {"Name": "webnet", "Id": "atott7j5", **AFAR},
    {"Name": "xwebnet", "Id": "p9m2k1aa", **AFAR},
    {"Name": "used", "Id": "zz81mnop", **AFAR},
]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("name", "gress", "ingress"),
        ("name", "^ing", "ingress"),
        ("name", "r.dge", "bridge"),
        ("name", "^bri", "bridge"),
        ("name", "web", ""),
        ("name", "ebnet", ""),
        ("name", "w.b", ""),
        ("name", "xwebnet", "xwebnet"),
        ("name", "^u.ed", "used"),
        ("name", "[", ""),
        ("id", "atott", "webnet"),
        ("id", "tt7j5", ""),
        ("id", "635f3", "bridge"),
        ("id", "^e4463", "bridge"),
        ("id", "atot.", ""),
        ("label", "a=b", "br9"),
        ("label", "a=c", ""),
        ("label", "c=", "br9"),
        ("driver", "over", ""),
        ("type", "builtin", "bridge"),
        ("type", "custom", "br9 ingress webnet xwebnet used"),
        ("dangling", "true", "br9 ingress webnet xwebnet"),
        ("scope", "sw", ""),
    ],
)
def test_a_network_is_found_as_docker_finds_it(name: str, text: str, found: str) -> None:
    wanted = {name: frozenset({text})}
    assert [thing["Name"] for thing in filters.networks(NETWORKS, wanted, ["used"])] == found.split()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("^web", "web_static"),
        ("web.s", "web_static"),
        ("b_static$", "web_static"),
        ("web", "web_static xweb"),
        ("[", ""),
    ],
)
def test_a_volumes_name_is_a_pattern(text: str, found: str) -> None:
    volumes = [Volume(name, f"/{name}") for name in ("web_static", "xweb")]
    wanted = {"name": frozenset({text})}
    assert [volume.name for volume in filters.volumes(volumes, wanted, {})] == found.split()
