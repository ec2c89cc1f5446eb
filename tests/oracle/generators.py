"""Hypothesis strategies: configurations made of locations, and requests that aim at them.

A configuration is drawn as a whole nginx-side text of `server` blocks over one fixed tree of files and one
obliging upstream; a request is drawn as the octets that one client writes. Both are biased to what is
almost right: what is far from HTTP is dull, nginx says 400.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from .casefile import PATTERN, Exchange, File, Scene
from .script import Step, octets

T = TypeVar("T")

FILES = (
    File("index.html", b"root index\n"),
    File("a.txt", b"0123456789"),
    File("b.css", b"body{}"),
    File("dir/index.html", b"dir index\n"),
    File("dir/sub/x.txt", b"deep"),
    File("noindex/y.txt", b"y"),
    File("sp ace.txt", b"space"),
    File("404.html", b"our 404\n"),
    File("big.bin", PATTERN * 700),
    File("www/a.txt", b"other a"),
    File("www/dir/x.txt", b"other x"),
    File("www-secret/k.txt", b"secret"),
)
PATHS = ("/", "/a.txt", "/b.css", "/dir", "/dir/", "/dir/sub/x.txt", "/noindex/", "/sp%20ace.txt", "/big.bin")
PREFIXES = ("/", "/a", "/a/", "/dir", "/dir/", "/app", "/app/", "/static", "/static/", "/dir/sub/", "/b.css")

ROUTES = {
    (0, "/app/redirect"): (
        Step(
            "send",
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{upstream}/x\r\nContent-Length: 0\r\n\r\n",
        ),
    ),
    (0, "/app/chunked"): (
        Step("send", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ),
    (0, "/app/error"): (Step("send", b"HTTP/1.1 500 Broken\r\nContent-Length: 3\r\n\r\nbad"),),
    (0, "/app/missing"): (Step("send", b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"),),
    (0, "/app/empty"): (Step("send", b"HTTP/1.1 204 No Content\r\nX-B: 2\r\n\r\n"),),
    (0, "/app/close"): (Step("send", b"HTTP/1.0 200 OK\r\n\r\nuntil close"), Step("split"), Step("close")),
}


# --- configurations -----------------------------------------------------------------------------

_modifiers = st.sampled_from(["", "", "", "= ", "^~ "])
_patterns = st.sampled_from(
    [
        r"~ \.txt$",
        r"~* \.TXT$",
        r"~ ^/dir",
        r"~ ^/app/",
        r"~ ^/(a|b)",
        r"~* ^/STATIC",
        r"~ /sub/",
        r"~ \.css$",
    ]
)
_replies = st.sampled_from(
    [
        "return 200 'here\\n';",
        "return 200 '$uri|$args|$request_method\\n';",
        "return 204;",
        "return 301 /moved$uri;",
        "return 302 http://example.com/x;",
        "return 307 to?$args;",
        "return 403;",
        "return 404;",
        "return 404 'own text';",
        "return 418;",
        "return 503;",
        "return 444;",
    ]
)
_proxies = st.sampled_from(
    [
        "proxy_pass http://127.0.0.1:{upstream};",
        "proxy_pass http://127.0.0.1:{upstream}/;",
        "proxy_pass http://127.0.0.1:{upstream}/app/;",
        "proxy_pass http://127.0.0.1:{upstream}/other;",
        "proxy_pass http://group;",
        "proxy_pass http://group/app/;",
        "proxy_pass http://127.0.0.1:{refused};",
    ]
)
_plain_proxies = st.sampled_from(["proxy_pass http://127.0.0.1:{upstream};", "proxy_pass http://group;"])
_sources = st.sampled_from(
    ["", "", "root {root};", "root {root}/www;", "alias {root}/www;", "alias {root}/;"]
)
_tries = st.sampled_from(
    [
        "try_files $uri =404;",
        "try_files $uri $uri/ =404;",
        "try_files $uri $uri/ /index.html;",
        "try_files $uri @named;",
        "try_files $uri.txt $uri =403;",
        "try_files $uri /dir/?$args;",
    ]
)
_extras = st.sampled_from(
    [
        "add_header X-Loc here;",
        "add_header X-Uri $uri always;",
        "error_page 404 /404.html;",
        "error_page 403 404 =200 /a.txt;",
        "error_page 404 = @named;",
        "error_page 404 500 502 /404.html;",
        "error_page 413 =200 /a.txt;",
        "client_max_body_size 4;",
        "client_max_body_size 0;",
        "default_type text/css;",
        "index y.txt index.html;",
        "absolute_redirect off;",
        "server_tokens off;",
        "etag off;",
        "proxy_set_header X-Real-IP $remote_addr;",
        "proxy_set_header Host $host;",
        'proxy_set_header Accept "";',
        "proxy_intercept_errors on;",
        "proxy_redirect off;",
        "proxy_buffering off;",
        "proxy_request_buffering off;",
        "proxy_http_version 1.0;",
        "proxy_hide_header X-A;",
    ]
)


@st.composite
def _bodies(draw: st.DrawFn, regex: bool) -> str:
    """The inside of a location: what answers, and up to three settings of different names."""
    kind = draw(st.sampled_from(["reply", "proxy", "files", "files", "try"]))
    lines = [*draw(st.lists(_extras, max_size=3, unique_by=lambda text: text.split()[0]))]
    if kind == "reply":
        lines.append(draw(_replies))
    elif kind == "proxy":
        lines.append(draw(_plain_proxies if regex else _proxies))
    else:
        lines.append(draw(_sources.filter(lambda text: not regex or "alias" not in text)))
    if kind == "try":
        lines.append(draw(_tries))
    return " ".join(line for line in lines if line)


@st.composite
def _locations(draw: st.DrawFn) -> str:
    """Up to seven locations with different names, some with a nested one, and the named one for all."""
    heads = draw(st.lists(st.tuples(_modifiers, st.sampled_from(PREFIXES)), max_size=5, unique=True))
    names = {("= " if modifier == "= " else "") + path: modifier + path for modifier, path in heads}
    out = []
    for name in names.values():
        inside = draw(_bodies(regex=False))
        if not name.startswith("=") and draw(st.integers(0, 3)) == 0:
            inside += " location ~ \\.txt$ { " + draw(_bodies(regex=True)) + " }"
        out.append(f"    location {name} {{ {inside} }}")
    for pattern in draw(st.lists(_patterns, max_size=2, unique=True)):
        out.append(f"    location {pattern} {{ {draw(_bodies(regex=True))} }}")
    out.append("    location @named { return 203 'named $uri\\n'; }")
    return "\n".join(out)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """A server with a few settings of its own, and sometimes a second one for another name."""
    conf = "upstream group { server 127.0.0.1:{upstream}; keepalive 0; }\n"
    for name in ["localhost", "other.example"][: draw(st.integers(1, 2))]:
        extras = " ".join(draw(st.lists(_extras, max_size=2, unique_by=lambda text: text.split()[0])))
        conf += (
            f"server {{\n    listen {{port}};\n    server_name {name};\n    root {{root}};\n    {extras}\n"
        )
        conf += draw(_locations()) + "\n}\n"
    return Scene("generated", conf, files=FILES, routes=dict(ROUTES))


# --- requests -----------------------------------------------------------------------------------

_SEGMENTS = [
    octets(word)
    for line in (
        r"a.txt b.css dir sub x.txt .. . app static noindex static-secret big.bin A.TXT a+b;c",
        r"%61.txt %2e%2e a%2fb sp%20ace.txt %00 % %zz %25 \xc3\xa9",
        r"chunked redirect error missing empty close",
    )
    for word in line.split(" ")
]
_HEADERS = [
    octets(line)
    for line in (
        *(r"X: 1", r"x: 2", r"X: a b  c ", r"X:", r"X-Y: \xc3\xa9", r"X_Y: under", r"X Y: space", r"X"),
        *(r": empty", r" X: fold", r"X: a\tb", r"X: a\x01b", r"X@Y: at", r"User-Agent: ua", r"Accept: */*"),
        *(r"Cookie: a=1", r"Cookie: b=2", r"X-Forwarded-For: 1.2.3.4", r"Authorization: Basic dTpw"),
        *(r"Content-Type: text/plain", r"TE: trailers", r"Keep-Alive: 5", r"Upgrade: websocket"),
        *(r"Connection: close", r"Connection: keep-alive", r"Connection: Upgrade", r"Range: x"),
        *(r"Range: bytes=0-3", r"Range: bytes=-2", r"Range: bytes=0-1,4-5", r"Range: bytes=20-"),
        *(r'If-None-Match: "5bf4a000-a"', r"If-None-Match: *", r'If-Match: "x"', r'If-Range: "5bf4a000-a"'),
        *(r"If-Modified-Since: Wed, 21 Nov 2018 00:00:00 GMT", r"If-Modified-Since: x", r"If-Range: x"),
        *(r"If-Unmodified-Since: Tue, 20 Nov 2018 00:00:00 GMT",),
    )
]
_methods = st.sampled_from(
    [b"GET"] * 8 + [b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"FOO", b"get"]
)
_segments = st.sampled_from([*_SEGMENTS, b""])
_paths = st.one_of(
    st.sampled_from([path.encode() for path in PATHS]),
    st.sampled_from(
        [b"/app/chunked", b"/app/redirect", b"/app/error", b"/app/empty", b"/app/close", b"/app/x"]
    ),
    st.lists(_segments, min_size=1, max_size=5).map(lambda parts: b"/" + b"/".join(parts)),
)
_tails = st.sampled_from([b""] * 6 + [b"?", b"?x=1", b"?a=%20&b", b"?/../x", b"#f", b"?q#f", b"/", b"//"])
_targets = st.one_of(
    st.tuples(_paths, _tails).map(b"".join),
    st.tuples(_paths, _tails).map(b"".join),
    st.tuples(st.sampled_from([b"http://localhost", b"http://other.example:8080", b"HTTP://x"]), _paths).map(
        b"".join
    ),
    st.sampled_from([b"*", b"x", b"", b"//", b"/..", b"?x", b"http://localhost"]),
)
_versions = st.sampled_from(
    [b"HTTP/1.1"] * 12 + [b"HTTP/1.0"] * 3 + [b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1", b"http/1.1"]
)
_hosts = st.sampled_from(
    [[b"Host: localhost"]] * 8
    + [
        [b"Host: other.example"],
        [b"host: LOCALHOST:80"],
        [],
        [b"Host:"],
        [b"Host: a", b"Host: b"],
        [b"Host: a b"],
    ]
)
_headers = st.sampled_from(_HEADERS)
_payloads = st.sampled_from(
    [([], b"")] * 8
    + [
        ([b"Content-Length: 0"], b""),
        ([b"Content-Length: 3"], b"abc"),
        ([b"Content-Length: 5"], b"hello"),
        ([b"Content-Length: 3", b"Content-Length: 3"], b"abc"),
        ([b"Content-Length: x"], b""),
        ([b"Transfer-Encoding: chunked"], b"3\r\nabc\r\n0\r\n\r\n"),
        ([b"Transfer-Encoding: chunked"], b"1\r\na\r\n4;x=y\r\nbcde\r\n0\r\nT: 1\r\n\r\n"),
        ([b"Transfer-Encoding: chunked"], b"z\r\n"),
        ([b"Transfer-Encoding: chunked", b"Content-Length: 3"], b"0\r\n\r\n"),
        ([b"Transfer-Encoding: gzip"], b"abc"),
        ([b"Expect: 100-continue", b"Content-Length: 3"], b"abc"),
    ]
)
_ends = st.sampled_from([b"\r\n"] * 15 + [b"\n"])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request, mostly well-formed, as the octets on the wire."""
    headers, payload = draw(_payloads)
    lines = [*draw(_hosts), *draw(st.lists(_headers, max_size=4)), *headers]
    order = draw(st.permutations(lines)) if draw(st.booleans()) else lines
    end = draw(_ends)
    first = b" ".join([draw(_methods), draw(_targets), draw(_versions)])
    return end.join([first, *order, b"", b""]) + payload


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    """One to three requests on a connection, pipelined, in one write or cut in two."""
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=draw(st.sampled_from([1, 1, 1, 1, 3])))))
    steps: tuple[Step, ...] = (Step("send", data),)
    if draw(st.integers(0, 5)) == 0:
        cut = draw(st.integers(1, len(data) - 1))
        steps = (Step("send", data[:cut]), Step("split"), Step("send", data[cut:]))
    return Exchange(repr(data), steps)


# --- drawing ------------------------------------------------------------------------------------


def drawn(strategy: st.SearchStrategy[T], count: int, number: int) -> list[T]:
    """`count` different values, always the same ones for the same number.

    Each is an example of its own: hypothesis repeats no small example, but most of a large one.
    """
    found: dict[str, T] = {}

    @seed(number)
    @settings(
        max_examples=count + count // 5 + 5,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(strategy)
    def collect(value: T) -> None:
        found.setdefault(repr(value), value)

    collect()
    return list(found.values())[-count:]


def draw(count: int, each: int, number: int) -> list[Scene]:
    """`count` configurations with `each` exchanges, all of them drawn."""
    found = drawn(scenes(), count, number)
    for index, scene in enumerate(found):
        scene.name = f"generated-{number}-{index}"
        scene.exchanges = drawn(exchanges(), each, hash((number, index)))
    return found


def generated(count: int, each: int, number: int) -> list[Scene]:
    """What `draw` finds in a fresh process: hypothesis borrows numbers from all modules that are imported."""
    argv = [sys.executable, "-m", __name__, str(count), str(each), str(number)]
    answer = subprocess.run(argv, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[2])
    found: list[Scene] = pickle.loads(answer.stdout)
    return found


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(draw(*map(int, sys.argv[1:]))))
