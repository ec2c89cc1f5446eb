"""What one client writes, by chance, biased to what is almost right.

What is far from HTTP is dull: nginx says 400. Half of the requests are as a browser or curl sends them.
"""

from __future__ import annotations

from random import Random

from .casefile import Exchange
from .configurations import PATHS, WORDS
from .script import Step, octets

_SEGMENTS = [
    octets(word)
    for line in (
        r"a.txt b.css dir sub x.txt .. . app static noindex static-secret big.bin A.TXT a+b;c page.html",
        r"%61.txt %2e%2e a%2fb sp%20ace.txt %00 % %zz %25 \xc3\xa9 %3f %23 a&b=c moved old",
        r"chunked redirect error missing empty close",
    )
    for word in line.split(" ")
]
_PLAIN = [
    octets(line)
    for line in (
        *(r"X: 1", r"X: a b", r"User-Agent: ua", r"User-Agent: curl/8", r"Accept: */*", r"Cookie: a=1"),
        *(
            r"Cookie: b=2; a=x",
            r"X-Forwarded-For: 1.2.3.4",
            r"Content-Type: text/plain",
            r"Referer: http://r/",
        ),
        *(
            r"Accept-Encoding: gzip",
            r"Accept-Encoding: gzip",
            r"Accept-Encoding: gzip;q=0, br",
            r"Via: 1.1 x",
        ),
        *(
            r"Authorization: Basic dTpw",
            r"Authorization: Basic eDp5",
            r"Connection: close",
            r"Cache-Control: no-cache",
        ),
        *(r"Connection: keep-alive", r"Range: bytes=0-3", r"Range: bytes=-2", r"Range: bytes=0-1,4-5"),
        *(r"Range: bytes=20-", r'If-None-Match: "5bf4a000-a"', r'If-Range: "5bf4a000-a"', r'If-Match: "x"'),
        *(r"If-Modified-Since: Wed, 21 Nov 2018 00:00:00 GMT", r"Accept-Charset: utf-8"),
        *(r"If-Unmodified-Since: Tue, 20 Nov 2018 00:00:00 GMT", r'If-None-Match: W/"tag"', r"Origin: null"),
    )
]
_ODD = [
    octets(line)
    for line in (
        *(r"x: 2", r"X: a b  c ", r"X:", r"X-Y: \xc3\xa9", r"X_Y: under", r"X Y: space", r"X", r": empty"),
        *(r" X: fold", r"X: a\tb", r"X: a\x01b", r"X@Y: at", r"TE: trailers", r"Keep-Alive: 5"),
        *(r"Upgrade: websocket", r"Connection: Upgrade", r"Range: x", r"If-None-Match: *", r"If-Range: x"),
        *(
            r"If-Modified-Since: x",
            r"Range: bytes=9-1",
            r"Range: bytes=0-,0-,0-",
            r"Expect: x",
            r"X: <<y*900>>",
        ),
        *(
            r"Authorization: Basic",
            r"Authorization: Basic !",
            r"Transfer-Encoding: identity",
            r"Connection: x, close",
        ),
    )
]
_METHODS = [b"GET"] * 10 + [b"HEAD"] * 2 + [b"POST"] * 2
_METHODS += [b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"FOO"]
_PATHS = [path.encode() for path in (*PATHS, "/page.html", "/static/", "/app/x", "/app/turns")]
_APP = [b"/app/" + word.encode() for word in WORDS]
_TAILS = [b""] * 6
_TAILS += [b"?", b"?x=1", b"?x=1&r=www", b"?a=%20&b", b"?c=utf-8", b"?/../x", b"#f", b"?q#f", b"/", b"//"]
_ORIGINS = (b"http://localhost", b"http://other.example:8080", b"HTTP://x")
_VERSIONS = [b"HTTP/1.1"] * 15 + [b"HTTP/1.0"] * 3 + [b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1", b"http/1.1"]
_HOSTS = [[b"Host: localhost"]] * 8 + [[b"Host: other.example"]] * 4
_HOSTS += [
    [b"host: LOCALHOST:80"],
    [b"Host: a.other.example"],
    [b"Host: on.example:81"],
    [b"Host: other.org"],
]
_HOSTS += [[], [b"Host:"], [b"Host: a", b"Host: b"], [b"Host: a b"], [b"Host: 127.0.0.1"], [b"Host: [::1]"]]
_PLAIN_HOSTS = (b"Host: localhost", b"Host: localhost", b"Host: other.example", b"Host: a.example")
_PLAIN_PAYLOADS: list[tuple[list[bytes], bytes]] = [
    *[([], b"")] * 6,
    ([b"Content-Length: 5"], b"hello"),
    ([b"Transfer-Encoding: chunked"], b"3\r\nabc\r\n0\r\n\r\n"),
]
_PAYLOADS = [
    *[([], b"")] * 6,
    *_PLAIN_PAYLOADS,
    ([b"Content-Length: 0"], b""),
    ([b"Content-Length: 3"], b"abc"),
    ([b"Content-Length: 3", b"Content-Length: 3"], b"abc"),
    ([b"Content-Length: x"], b""),
    ([b"Content-Length: 3000"], b"k" * 3000),
    ([b"Transfer-Encoding: chunked"], b"1\r\na\r\n4;x=y\r\nbcde\r\n0\r\nT: 1\r\n\r\n"),
    ([b"Transfer-Encoding: chunked"], b"z\r\n"),
    ([b"Transfer-Encoding: chunked", b"Content-Length: 3"], b"0\r\n\r\n"),
    ([b"Transfer-Encoding: gzip"], b"abc"),
    ([b"Expect: 100-continue", b"Content-Length: 3"], b"abc"),
]


def _common(chance: Random) -> bytes:
    kind = chance.randrange(3)
    if kind == 2:
        path = b"/" + b"/".join(chance.choices([*_SEGMENTS, b""], k=chance.randint(1, 5)))
    else:
        path = chance.choice(_APP if kind else _PATHS)
    return path + chance.choice(_TAILS)


def _target(chance: Random) -> bytes:
    kind = chance.randrange(10)
    if kind < 7:
        return _common(chance)
    if kind < 9:
        return chance.choice(_ORIGINS) + _common(chance)
    return chance.choice((b"*", b"x", b"", b"//", b"/..", b"?x", b"http://localhost"))


def ordinary(chance: Random) -> bytes:
    """A request without a fault in its form."""
    headers, payload = chance.choice(_PLAIN_PAYLOADS)
    method = chance.choice((b"POST", b"PUT", b"GET")) if payload else chance.choice(_METHODS)
    lines = [chance.choice(_PLAIN_HOSTS), *chance.sample(_PLAIN, chance.randint(0, 3)), *headers]
    return b"\r\n".join([b" ".join([method, _common(chance), b"HTTP/1.1"]), *lines, b"", b""]) + payload


def odd(chance: Random) -> bytes:
    """A request with whatever may be wrong."""
    headers, payload = chance.choice(_PAYLOADS)
    lines = [*chance.choice(_HOSTS), *chance.choices([*_PLAIN, *_ODD], k=chance.randint(0, 4)), *headers]
    if chance.random() < 0.5:
        chance.shuffle(lines)
    first = b" ".join([chance.choice(_METHODS), _target(chance), chance.choice(_VERSIONS)])
    return (b"\n" if chance.random() < 0.06 else b"\r\n").join([first, *lines, b"", b""]) + payload


def exchange(chance: Random, checks: frozenset[str]) -> Exchange:
    """One to four requests on a connection, pipelined, in one write or cut in two."""
    many = chance.choice((1, 1, 1, 2, 4))
    data = b"".join(chance.choice((ordinary, odd))(chance) for _ in range(chance.randint(1, many)))
    parts: tuple[Step, ...] = (Step("send", data),)
    if chance.random() < 0.15:
        cut = chance.randrange(min(data.find(b"\n") + 1, len(data) - 1), len(data))
        parts = (Step("send", data[:cut]), Step("split"), Step("send", data[cut:]))
    return Exchange(repr(data)[:300], parts, checks=checks)
