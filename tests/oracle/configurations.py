"""Whole configurations by chance, one directive a line, over one tree of files and one upstream.

Every group of directives has a pool; a location draws what answers (files, a proxy, a text, a rewrite) and
up to four settings from the pools of its scene. nginx itself refuses a few of them: then so must we.
"""

from __future__ import annotations

from random import Random

from .casefile import PATTERN, File, Scene
from .script import Step, octets, steps

FILES = (
    File("index.html", b"root index\n"),
    File("a.txt", b"0123456789"),
    File("b.css", b"body{}"),
    File("dir/index.html", b"dir index\n"),
    File("dir/sub/x.txt", b"deep"),
    File("noindex/y.txt", b"y"),
    File("noindex/z & <z>.html", b"z"),
    File("sp ace.txt", b"space"),
    File("404.html", b"our 404\n"),
    File("big.bin", PATTERN * 700),
    File("page.html", b"<p>" + PATTERN * 20),
    File("www/a.txt", b"other a"),
    File("www/dir/x.txt", b"other x"),
    File("www-secret/k.txt", b"secret"),
    File("users", b"u:{PLAIN}p\nanna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"),
)
PATHS = ("/", "/a.txt", "/b.css", "/dir", "/dir/", "/dir/sub/x.txt", "/noindex/", "/sp%20ace.txt", "/big.bin")
PREFIXES = ("/", "/a", "/a/", "/dir", "/dir/", "/app", "/app/", "/static", "/static/", "/dir/sub/", "/b.css")

_ANSWERS = {
    "redirect": r"HTTP/1.1 302 Found|Location: http://127.0.0.1:{upstream}/x|Content-Length: 0||",
    "relative": r"HTTP/1.1 301 Moved|Location: /app/y?z=1|Content-Length: 2||ab",
    "away": r"HTTP/1.1 307 Temporary|Location: https://other.example/q|Refresh: 3; url=/app/r"
    r"|Content-Length: 0||",
    "chunked": r"HTTP/1.1 200 OK|Transfer-Encoding: chunked|X-A: 1||3\r\nabc\r\n0\r\n\r\n",
    "trailers": r"HTTP/1.1 200 OK|Transfer-Encoding: chunked||3;a=b\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
    "error": r"HTTP/1.1 500 Broken|Content-Length: 3||bad",
    "missing": r"HTTP/1.1 404 Not Found|Content-Type: text/html|Content-Length: 2||no",
    "busy": r"HTTP/1.1 503 Busy|Retry-After: 3|Content-Length: 4||busy",
    "empty": r"HTTP/1.1 204 No Content|X-B: 2||",
    "unmodified": r'HTTP/1.1 304 Not Modified|ETag: "e"|X-A: 2||',
    "cookies": r"HTTP/1.1 200 OK|Set-Cookie: a=1; Path=/|Set-Cookie: b=2; Path=/app/; Domain=up.example"
    r"; Secure|Set-Cookie: c=3|Content-Length: 1||c",
    "typed": r"HTTP/1.1 200 OK|Content-Type: text/html; charset=koi8-r|Server: gunicorn"
    r"|Date: Wed, 21 Nov 2018 00:00:00 GMT|X-Powered-By: Flask|X-A: x|Content-Length: 300||<<h*300>>",
    "css": r"HTTP/1.1 200 OK|Content-Type: text/css|ETag: \"tag\""
    r"|Last-Modified: Tue, 20 Nov 2018 00:00:00 GMT|Cache-Control: no-cache|Content-Length: 400||<<c*400>>",
    "zipped": r"HTTP/1.1 200 OK|Content-Type: text/css|Content-Encoding: gzip|Content-Length: 3||\x1f\x8bx",
    "accel": r"HTTP/1.1 200 OK|X-Accel-Redirect: /dir/sub/x.txt|Content-Type: text/css|Set-Cookie: x=y"
    r"|X-A: kept|Content-Length: 4||gone",
    "accelnamed": r"HTTP/1.1 202 Maybe|X-Accel-Redirect: @named|Content-Length: 4||gone",
    "unbuffered": r"HTTP/1.1 200 OK|X-Accel-Buffering: no|X-Accel-Charset: utf-8|Content-Type: text/plain"
    r"|Content-Length: 2||ub",
    "ranges": r"HTTP/1.1 200 OK|Accept-Ranges: bytes|ETag: \"r\"|Content-Length: 10||0123456789",
    "large": r"HTTP/1.1 200 OK|Content-Type: application/octet-stream|Content-Length: 70000||<<L*70000>>",
    "hints": r"HTTP/1.1 103 Early Hints|Link: </a.css>||HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "toobig": r"HTTP/1.1 200 OK|X-Big: <<b*9000>>|Content-Length: 1||b",
    "auth": r'HTTP/1.1 401 Who|WWW-Authenticate: Basic realm="up"|Content-Length: 0||',
    "odd": r"HTTP/1.1 299|x_y: 1|Content-Length: 1|Connection: keep-alive, X-A|X-A: hop||o",
}
_CLOSING = {
    "close": r"HTTP/1.0 200 OK||until close",
    "cut": r"HTTP/1.1 200 OK|Content-Length: 10||cut",
    "cutchunk": r"HTTP/1.1 200 OK|Transfer-Encoding: chunked||5\r\nab",
    "nothing": "",
    "surplus": r"HTTP/1.1 200 OK|Content-Length: 2||abcd",
}
WORDS = (*_ANSWERS, *_CLOSING)


def _answer(text: str) -> Step:
    head, _, body = text.partition("||")
    return Step("send", octets(head.replace("|", r"\r\n").replace(r"\"", '"') + r"\r\n\r\n" + body))


ROUTES = {(0, f"/app/{name}"): (_answer(text),) for name, text in _ANSWERS.items()}
ROUTES |= {
    (0, f"/app/{name}"): (*((_answer(text),) if text else ()), Step("split"), Step("close"))
    for name, text in _CLOSING.items()
}
ROUTES |= {  # without a body, whatever the head says
    (0, f"HEAD /app/{name}"): (Step("send", script[0].data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"),)
    for name, text in _ANSWERS.items()
    if name != "hints" and (script := ROUTES[0, f"/app/{name}"])
}
ROUTES[0, "/app/turns"] = steps(
    [
        "HTTP/1.1 503 Busy",
        "Content-Length: 0",
        "",
        "<next>",
        "HTTP/1.1 200 OK",
        "Content-Length: 2",
        "",
        "ok\\",
    ]
)

_HTTP = """\
map $server_port $a { default ""; }
map $uri $m_uri { default 0; ~^/dir(?<tail>.*)$ dir; ~*\\.TXT$ text; /a.txt exact; }
map $http_user_agent $m_agent { default other; "" none; ~^u(.)$ "u-$1"; }
map $request_method $m_group { default group; POST weighted; FOO nowhere; }
map $sent_http_content_type $m_expires { default off; ~text/ epoch; text/css max; "" -1; }
geo $from { default far; 127.0.0.0/8 near; }
log_format wide '$remote_user|$request|$status|$body_bytes_sent|$uri|$upstream_status'
    '|$upstream_addr|$sent_http_location|$server_name|$host|$http_x|$m_uri|$connection_requests';
upstream group { server 127.0.0.1:{upstream}; keepalive 0; }
upstream weighted { server 127.0.0.1:{upstream} weight=2; server 127.0.0.1:{upstream2}; keepalive 0; }
upstream failing { server 127.0.0.1:{refused} max_fails=0; server 127.0.0.1:{upstream2}; keepalive 0; }
upstream spare {
    server 127.0.0.1:{refused} max_fails=1 fail_timeout=900s;
    server 127.0.0.1:{upstream} backup;
    keepalive 0;
}
upstream kept { server 127.0.0.1:{upstream}; keepalive 2; }
upstream hashed { hash $uri; server 127.0.0.1:{upstream}; server 127.0.0.1:{upstream2} weight=3; }
upstream addressed { ip_hash; server 127.0.0.1:{upstream}; server 127.0.0.1:{upstream2}; keepalive 0; }
upstream quiet { least_conn; server 127.0.0.1:{upstream}; server 127.0.0.1:{upstream2}; keepalive 0; }
"""

POOLS: dict[str, tuple[str, ...]] = {
    "fields": (
        *("add_header X-Loc here;", "add_header X-Uri $uri always;", "add_header X-M $m_uri$tail always;"),
        *("add_header Cache-Control no-store;", 'add_header Last-Modified "";', "add_header ETag mine;"),
        *("add_trailer X-T $status;", "expires 1h;", "expires -1;", "expires max;", "expires epoch;"),
        *("expires $m_expires;", "etag off;", "server_tokens off;", "add_header Set-Cookie x=$arg_x;"),
    ),
    "pages": (
        *("error_page 404 /404.html;", "error_page 403 404 =200 /a.txt;", "error_page 404 = @named;"),
        *("error_page 404 500 502 /404.html;", "error_page 413 =200 /a.txt;", "error_page 405 = $uri;"),
        *(
            "error_page 401 =402 @named;",
            "error_page 403 http://elsewhere/$uri;",
            "error_page 503 502 =204 @e;",
        ),
        *("recursive_error_pages on;", "proxy_intercept_errors on;", "error_page 400 /index.html;"),
        *("log_not_found off;", "error_page 301 302 =200 @named;"),
    ),
    "files": (
        *("index y.txt index.html;", "index none.html;", "index /a.txt;", "autoindex on;"),
        *(
            "autoindex on;\nautoindex_format json;",
            "autoindex on;\nautoindex_format xml;",
            "default_type text/css;",
        ),
        *("types { text/x-own txt; }", "types { }", "if_modified_since before;", "if_modified_since off;"),
        *("max_ranges 1;", "max_ranges 0;", "absolute_redirect off;", "port_in_redirect off;"),
        *("server_name_in_redirect on;", "autoindex on;\nautoindex_format jsonp;", "disable_symlinks on;"),
    ),
    "bodies": (
        *("client_max_body_size 4;", "client_max_body_size 0;", "client_body_buffer_size 2;"),
        *(
            "client_body_in_file_only clean;",
            "proxy_request_buffering off;",
        ),
        *("chunked_transfer_encoding off;", "keepalive_requests 1;", "keepalive_timeout 0;"),
        *("proxy_set_body 'own $request_method';", "proxy_method PUT;", "lingering_close off;"),
        *("keepalive_disable none;", "keepalive_timeout 70s 10s;"),
    ),
    "passing": (
        *("proxy_set_header X-Real-IP $remote_addr;", "proxy_set_header Host $host;"),
        *(
            'proxy_set_header Accept "";',
            "proxy_set_header X-Uri $uri$is_args$args;",
            "proxy_set_header X $http_x;",
        ),
        *('proxy_set_header Connection "";', "proxy_set_header Connection close;", "proxy_http_version 1.0;"),
        *("proxy_pass_request_headers off;", "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"),
        *("proxy_next_upstream error http_503 http_500;", "proxy_next_upstream off;"),
        *("proxy_next_upstream http_404 non_idempotent;", "proxy_next_upstream_tries 1;"),
    ),
    "answers": (
        *("proxy_redirect off;", "proxy_redirect default;", "proxy_redirect / /pre/;"),
        *("proxy_redirect ~^http://([^/]+)/(.*)$ $scheme://front/$1/$2;", "proxy_redirect http:// https://;"),
        *(
            "proxy_cookie_path / /pre/;",
            "proxy_cookie_path ~^/app(.*) $1/x;",
            "proxy_cookie_domain up.example $host;",
        ),
        *("proxy_cookie_flags ~ httponly nosecure;", "proxy_cookie_flags a samesite=lax;"),
        *("proxy_hide_header X-A;", "proxy_hide_header Set-Cookie;", "proxy_pass_header Server;"),
        *("proxy_pass_header X-Accel-Redirect;", "proxy_ignore_headers X-Accel-Redirect X-Accel-Buffering;"),
        *("proxy_buffering off;", "proxy_buffer_size 1k;\nproxy_buffers 4 1k;\nproxy_busy_buffers_size 2k;"),
        *("proxy_pass_header Date;", "proxy_intercept_errors on;", "proxy_max_temp_file_size 0;"),
    ),
    "gzip": (
        *("gzip on;", "gzip on;", "gzip on;\ngzip_types *;", "gzip on;\ngzip_types text/css text/plain;"),
        *("gzip_min_length 1;", "gzip_vary on;", "gzip_proxied any;", "gzip_proxied no-cache expired auth;"),
        *("gzip_http_version 1.0;", "gzip_disable ^u;", "gzip_comp_level 9;"),
    ),
    "charset": (
        *("charset utf-8;", "charset koi8-r;", "charset off;", "charset $arg_c;", "charset_types text/css;"),
        *("override_charset on;", "default_type text/html;", "default_type text/plain;"),
    ),
    "access": (
        *("allow 127.0.0.1;\ndeny all;", "deny 127.0.0.1;", "allow 10.0.0.0/8;\ndeny all;", "satisfy any;"),
        *("limit_except GET { deny all; }", "limit_except POST { allow 10.1.1.1; deny all; }"),
        *("auth_basic closed;\nauth_basic_user_file {root}/users;", "auth_basic off;"),
        *(
            "auth_basic $m_uri;\nauth_basic_user_file {root}/users;",
            "auth_request /allowed;",
            "auth_request /denied;",
        ),
    ),
    "scripts": (
        *("set $a $uri;\nadd_header X-A2 $a always;", "if ($request_method = POST) { return 204; }"),
        *("if ($http_x) { set $a '$http_x'; }", "if ($arg_x = 1) { return 302 /x=$arg_x; }"),
        *(
            "if ($uri ~ ^/dir/(.*)$) { add_header X-If $1; }",
            "if (-f $request_filename) { add_header X-File y; }",
        ),
        *("if (!-e $request_filename) { return 410; }", "if ($m_agent != none) { break; }"),
        *(
            "rewrite ^/a(.*)$ /app$1;",
            "rewrite ^/static/(.*) /dir/$1 break;",
            "rewrite \\.css$ /b.txt? last;",
        ),
        *("rewrite ^/dir/(.*)$ /moved/$1 redirect;", "rewrite ^/noindex /app/$uri?x=$args permanent;"),
        *("rewrite ^/(.+)/$ /$1? redirect;", "if ($http_cookie ~* 'a=(?<cook>[^;]+)') { set $a $cook; }"),
        *("rewrite_log on;", "set $args y=$arg_x;"),
    ),
    "limits": (
        *(
            "limit_conn conns 1;",
            "limit_conn conns 5;",
            "subrequest_output_buffer_size 1k;",
        ),
        *("limit_req zone=reqs burst=100000 nodelay;",),
    ),
}
_SERVER = (
    *("merge_slashes off;", "underscores_in_headers on;", "ignore_invalid_headers off;"),
    *(
        "large_client_header_buffers 2 1k;",
        "client_header_buffer_size 100;",
        "access_log logs/access.log wide;",
    ),
    *("access_log logs/access.log combined if=$arg_x;", "rewrite ^/old(.*)$ $1;", "set $a server;"),
    "if ($host = other.example) { set $a other; }",
)
_NAMES = (
    *("localhost", "other.example", "*.example", ".other.example", "other.*", '""', "_"),
    *("~^(?<sub>[a-z]+)\\.example$", "~^o(.*)\\.ex", "$hostname"),
)
_REPEATABLE = (
    "add_header",
    "add_trailer",
    "proxy_set_header",
    "error_page",
    "proxy_hide_header",
    "set",
    "if",
    "rewrite",
)
_REPEATABLE += (
    "proxy_redirect",
    "proxy_cookie_path",
    "proxy_pass_header",
    "proxy_cookie_flags",
    "proxy_cookie_domain",
)

_REPLIES = (
    *("return 200 'here\\n';", "return 200 '$uri|$args|$request_method|$a|$m_agent\\n';", "return 204;"),
    *("return 301 /moved$uri;", "return 302 http://example.com/x;", "return 307 to?$args;", "return 403;"),
    *(
        "return 404;",
        "return 404 'own text';",
        "return 418;",
        "return 503;",
        "return 444;",
        "return 308 $uri;",
    ),
    *("return https://$host/$m_uri;", "return 200;", "return 401;", "return 416;", "return 200 $from-$a;"),
)
_PLAIN_PROXIES = (
    *("proxy_pass http://127.0.0.1:{upstream};", "proxy_pass http://group;", "proxy_pass http://weighted;"),
    *("proxy_pass http://failing;", "proxy_pass http://spare;", "proxy_pass http://kept;"),
    *(
        "proxy_pass http://$m_group;",
        "proxy_pass http://group$request_uri;",
        "proxy_pass http://kept/app$uri;",
    ),
    *("proxy_pass http://hashed;", "proxy_pass http://addressed;", "proxy_pass http://quiet;"),
    *("proxy_pass http://group/$m_uri?$args;", "proxy_pass http://127.0.0.1:{refused};"),
)
_PROXIES = (
    *_PLAIN_PROXIES,
    *("proxy_pass http://127.0.0.1:{upstream}/;", "proxy_pass http://127.0.0.1:{upstream}/app/;"),
    *("proxy_pass http://127.0.0.1:{upstream}/other;", "proxy_pass http://group/app/;"),
    *("proxy_pass http://kept/app;", "proxy_pass http://spare/app/;", "proxy_pass http://group/a%20b/?q=1;"),
)
_ROOTS = ("", "", "root {root};", "root {root}/www;", "root {root}/$arg_r;")
_SOURCES = (
    *(*_ROOTS, "alias {root}/www;", "alias {root}/;"),
    *("alias {root}/dir/;", "alias {root}/$m_uri/;"),
)
_TRIES = (
    *("try_files $uri =404;", "try_files $uri $uri/ =404;", "try_files $uri $uri/ /index.html;"),
    *("try_files $uri @named;", "try_files $uri.txt $uri =403;", "try_files $uri /dir/?$args;"),
    *("try_files /a.txt =404;", "try_files $m_uri /dir/ @named;", "try_files /none/ /app/typed;"),
)
_MODIFIERS = ("", "", "", "= ", "^~ ")
_PATTERNS = (
    *(
        r"~ \.txt$",
        r"~* \.TXT$",
        r"~ ^/dir",
        r"~ ^/app/",
        r"~ ^/(a|b)",
        r"~* ^/STATIC",
        r"~ /sub/",
        r"~ \.css$",
    ),
    *(r"~ ^/(?<first>[^/]+)/(?<rest>.*)$", r"~ ^/dir/?(.*)$"),
)


def _key(text: str) -> str:
    name = text.split()[0]
    return text if name in _REPEATABLE else name


def _settings(chance: Random, pool: tuple[str, ...], most: int) -> list[str]:
    """Up to `most` texts of the pool, each directive once where nginx allows it once."""
    lines: dict[str, str] = {}
    for _ in range(chance.randint(0, most)):
        for line in chance.choice(pool).split("\n"):
            lines.setdefault(_key(line), line)
    return list(lines.values())


def _body(chance: Random, pool: tuple[str, ...], regex: bool) -> list[str]:
    """The inside of a location: settings, and what answers."""
    kind = chance.choice(("reply", "proxy", "proxy", "files", "files", "try"))
    lines = _settings(chance, pool, 4)
    if kind == "reply":
        lines.append(chance.choice(_REPLIES))
    elif kind == "proxy":
        lines.append(chance.choice(_PLAIN_PROXIES if regex else _PROXIES))
    else:
        lines.append(chance.choice(_ROOTS if regex else _SOURCES))
    if kind == "try":
        lines.append(chance.choice(_TRIES))
    return [line for line in lines if line]


def _locations(chance: Random, pool: tuple[str, ...]) -> list[str]:
    """Up to seven locations with different names, some with a nested one, and those that others name."""
    names: dict[str, str] = {}
    for _ in range(chance.randint(0, 5)):
        modifier, path = chance.choice(_MODIFIERS), chance.choice(PREFIXES)
        names.setdefault(("= " if modifier == "= " else "") + path, modifier + path)
    out: list[str] = []
    for name in names.values():
        inside = _body(chance, pool, regex=False)
        if not name.startswith("=") and chance.random() < 0.25:
            inside += ["location ~ \\.txt$ {", *_inner(_body(chance, pool, regex=True)), "}"]
        out += [f"location {name} {{", *_inner(inside), "}"]
    for pattern in chance.sample(_PATTERNS, chance.randint(0, 2)):
        out += [f"location {pattern} {{", *_inner(_body(chance, pool, regex=True)), "}"]
    out += ["location @named { return 203 'named $uri\\n'; }", "location @e { return 204; }"]
    return [*out, "location = /allowed { return 204; }", "location = /denied { internal; return 401; }"]


def _inner(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def scene(chance: Random) -> Scene:
    """One to three servers; the settings of a scene come from two or three groups, so that they meet."""
    groups = chance.sample(sorted(POOLS), chance.randint(2, 3))
    pool = tuple(text for group in groups for text in POOLS[group])
    lines = _HTTP.splitlines()
    if "limits" in groups:
        lines += ["limit_conn_zone $binary_remote_addr zone=conns:1m;", "limit_req_status 429;"]
        lines += ["limit_req_zone $binary_remote_addr zone=reqs:1m rate=1r/m;"]
    fitting = tuple(text for text in pool if "limit_except" not in text and "{ add_header" not in text)
    for name in chance.sample(_NAMES, chance.randint(1, 3)):
        own = [*_settings(chance, fitting, 3), *_settings(chance, _SERVER, 2)]
        lines += [
            "server {",
            "    listen {port};",
            f"    server_name {name};",
            "    root {root};",
            *_inner(own),
        ]
        lines += [*_inner(_locations(chance, pool)), "}"]
    if any(" break;" in line for line in lines):  # an alias does not go with it: nginx's alert, and a 500
        lines = [line for line in lines if "alias " not in line]
    checks = frozenset(chance.choice(((), ("access",), ("access", "error"), ("error",))))
    return Scene("generated", "\n".join(lines) + "\n", files=FILES, routes=dict(ROUTES), checks=checks)
