"""What both sides serve in a row: a configuration, the backends behind it, and the answer that is right."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import servers
from benchmarks.answers import Request, ask, check

HELLO = b"hello, world\n"
LARGE = 10_000_000  # bytes of the file and of the upload
MIME = servers.ROOT / "emulator/container/layout/etc/nginx/mime.types"
_PUBLISHED, _SERVICE, _VOLUME = "listen  80;", "http://webapp:8000/", "/var/www-data"


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole configuration, but for @port@ and @prefix@, and one of the `bodies` for each request."""

    conf: str
    request: Request
    bodies: frozenset[bytes]
    connections: int = 32
    haproxy: str | None = None


Make = Callable[[ExitStack, Path], Scene]


def _user() -> str:
    """As root, workers become nobody, who may not read a temporary folder."""
    return "user root root;" if os.geteuid() == 0 else ""


def framed(http: str, workers: int = 1, connections: int = 1024) -> str:
    """The common nginx.conf around one row's part."""
    values = {"user": _user(), "workers": workers, "connections": connections, "mime": MIME, "http": http}
    return servers.fill((servers.CONFS / "frame.conf").read_text(), values)


def article_conf(service: str = _SERVICE, volume: str | Path = _VOLUME) -> str:
    """The article's app.conf with this machine's names, as the container's namespace would give them."""
    text = (servers.ROOT / "nginx_conf/app.conf").read_text()
    pairs = {_PUBLISHED: "listen  127.0.0.1:@port@;", _SERVICE: service, _VOLUME: str(volume)}
    for name, value in pairs.items():
        assert name in text, f"app.conf has no {name}"
        text = text.replace(name, value)
    return text


def backend(stack: ExitStack, folder: Path) -> int:
    """The fast upstream; its port."""
    pages = folder / "pages"
    pages.mkdir()
    (pages / "page.html").write_bytes(catalogue())
    values = {"user": _user(), "pages": pages}
    conf = servers.fill((servers.CONFS / "backend.conf").read_text(), values)
    port, _ = stack.enter_context(servers.nginx(servers.real_nginx(), folder / "backend", conf))
    return port


def article(stack: ExitStack, folder: Path) -> Scene:
    """The demonstration's page, from three gunicorns; each answers with its own process's number."""
    app = servers.demonstration(folder / "project") / "webapp"
    ports = [stack.enter_context(servers.gunicorn(app, folder / f"replica-{n}")) for n in range(3)]
    peers = " ".join(f"server 127.0.0.1:{port};" for port in ports)
    direct = [ask(port, Request("/", (("Host", "webapp"), ("Connection", "close")))) for port in ports]
    for answer in direct:
        check(answer, [answer.body])
    http = f"upstream webapp {{ {peers} keepalive 0; }}\n{article_conf('http://webapp/')}"
    return Scene(framed(http), Request("/"), frozenset(answer.body for answer in direct))


def dial(stack: ExitStack, folder: Path) -> Scene:
    """The article's conf before the fast upstream: a new connection to it for each request."""
    port = backend(stack, folder)
    http = article_conf(f"http://127.0.0.1:{port}/")
    return Scene(
        framed(http), Request("/"), frozenset({HELLO}), haproxy=balanced(port, "option http-server-close")
    )


def kept(stack: ExitStack, folder: Path) -> Scene:
    """An upstream group whose connections are kept."""
    port = backend(stack, folder)
    group = f"upstream fast {{ server 127.0.0.1:{port}; keepalive 32; }}"
    http = f"{group}\n{article_conf('http://fast/')}"
    return Scene(framed(http), Request("/"), frozenset({HELLO}), haproxy=balanced(port, "http-reuse always"))


def balanced(port: int, reuse: str) -> str:
    return servers.fill((servers.CONFS / "haproxy.cfg").read_text(), {"backend": port, "reuse": reuse})


def small(stack: ExitStack, folder: Path) -> Scene:
    """A stylesheet of 1 KB from the volume."""
    return _static(folder, "css/styles.css", 1024)


def file(stack: ExitStack, folder: Path) -> Scene:
    """A file of 10 MB from the volume."""
    return replace(_static(folder, "large.bin", LARGE), connections=8)


def _static(folder: Path, name: str, size: int) -> Scene:
    target = folder / "volume" / name
    target.parent.mkdir(parents=True)
    data = (b"a { color: #0b57d0; margin: 0 auto }\n" * (size // 37 + 1))[:size]
    target.write_bytes(data)
    http = article_conf("http://127.0.0.1:9/", folder / "volume")
    return Scene(framed(http), Request(f"/static/{name}"), frozenset({data}))


def uploads(buffering: str) -> Make:
    """10 MB to the fast upstream, which answers when it has them all."""

    def make(stack: ExitStack, folder: Path) -> Scene:
        port = backend(stack, folder)
        limits = f"client_max_body_size 16m; proxy_request_buffering {buffering};"
        http = f"{limits}\n{article_conf(f'http://127.0.0.1:{port}/')}"
        return Scene(framed(http), Request("/upload", upload=LARGE), frozenset({HELLO}), connections=8)

    return make


_BROWSER = (
    ("Host", "www.shop.example"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.7"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Referer", "http://www.shop.example/"),
    ("Cookie", "session=1f0c7ab2d04e4b69; theme=dark"),
)


def rich(stack: ExitStack, folder: Path) -> Scene:
    """A page of 30 KB through a configuration as production has it."""
    values = {"user": _user(), "mime": MIME, "backend": backend(stack, folder)}
    conf = servers.fill((servers.CONFS / "rich.conf").read_text(), values)
    return Scene(conf, Request("/shop/catalogue?page=2", _BROWSER), frozenset({catalogue()}))


def catalogue() -> bytes:
    """An HTML page of 30 KB that compresses as such pages do: the same one each time."""
    return ("<!doctype html>\n<title>Catalogue</title>\n" + "".join(_articles(random.Random(1)))).encode()[
        :30_000
    ]


def _articles(chance: random.Random) -> Iterator[str]:
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(300)]
    for number in range(200):
        text = " ".join(chance.choices(words, k=20))
        price = f"{chance.randint(3, 900)}.{chance.randint(0, 99):02}"
        link = f'<a href="/article/{chance.getrandbits(32):x}">{words[number]}</a>'
        yield f'<article id="a{number}">{link}<p>{text}</p><span class="price">{price} €</span></article>\n'


def locations(count: int) -> Make:
    """So many prefix locations, of which one from the middle is asked for."""

    def make(stack: ExitStack, folder: Path) -> Scene:
        names = range(0, 1000, 1000 // count)
        listed = "\n".join(f'location /part-{n:03}/ {{ return 200 "hello, world\\n"; }}' for n in names)
        http = f"server {{ listen 127.0.0.1:@port@;\n{listed}\n}}"
        return Scene(framed(http), Request("/part-500/page"), frozenset({HELLO}))

    return make
