"""`random` on both servers.

Two servers that draw by chance do not choose alike, so no case file can compare them pick by pick; what
both must keep to is the share of each peer, and that nothing goes to one that is down.
"""

from __future__ import annotations

import http.client
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import need_tool

from .casefile import load
from .servers import Command, Pair, Side, ours
from .upstream import Loop

CASE = """\
--- conf
upstream one { random; server 127.0.0.1:{upstream} weight=3; server 127.0.0.1:{upstream2}; server 127.0.0.1:{upstream3} down weight=4; keepalive 0; }
upstream two { random two least_conn; server 127.0.0.1:{upstream}; server 127.0.0.1:{upstream2}; server 127.0.0.1:{upstream3} down; keepalive 0; }
upstream none { random two; server 127.0.0.1:{upstream} down; server 127.0.0.1:{upstream2} down; keepalive 0; }
upstream left { random; server 127.0.0.1:{upstream} weight=50 down; server 127.0.0.1:{upstream2}; keepalive 0; }
upstream failing { random two; server 127.0.0.1:{refused} max_fails=0; server 127.0.0.1:{upstream2}; keepalive 0; }
server { listen {port}; location ~ ^/(?<group>[a-z]+)$ { proxy_pass http://$group; } }
"""  # noqa: E501
SHARES = {
    "one": {"upstream 1": 150, "upstream 2": 50},
    "two": {"upstream 1": 100, "upstream 2": 100},
    "none": {"502": 200},
    "left": {"upstream 2": 200},
    "failing": {"upstream 2": 200},
}


def shares(side: Side, name: str) -> Counter[str]:
    """How often each peer answered, or what nginx said itself."""
    client = http.client.HTTPConnection("127.0.0.1", side.ports["port"], timeout=10)
    found: Counter[str] = Counter()
    for _ in range(200):
        client.request("GET", f"/{name}")
        answer = client.getresponse()
        body = answer.read()
        found[body.decode() if answer.status == 200 else str(answer.status)] += 1
    client.close()
    return found


@pytest.mark.parametrize("name", SHARES)
def test_each_peer_gets_its_share_on_both_servers(name: str, tmp_path: Path, need: object) -> None:
    file = tmp_path / "random.case"
    file.write_text(CASE)
    (scene,) = load(file, tmp_path)
    loop = Loop()
    pair = Pair(scene, Command("nginx", (need_tool("nginx"),)), ours(), loop)
    try:
        for side in (pair.reference, pair.candidate):
            found = shares(side, name)
            assert set(found) == set(SHARES[name])
            for who, wanted in SHARES[name].items():
                # five standard deviations of 200 draws
                assert abs(found[who] - wanted) < 36, f"{side.command.name}: {found}"
    finally:
        pair.stop()
        loop.stop()
