"""The server under attack: a real process with one worker, its files, and what lies beside its root."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.oracle import guard
from tests.oracle.servers import Command, reserve

STARTED = 15.0
SECRET = b"SECRET-of-somebody-else"
PUBLIC = b"public, and read by everybody\n"
LARGE = 24 << 20
# where a request of the corpus goes: `{p}` in a case stands for each of them
PROXIED = ("/plain", "/kept", "/stream", "/old")
FILTERED = ("/dressed", "/pair")
EARLY = ("/return", "/files", "/deny", "/moved", "/small", "/gated", *FILTERED)

_CONF = """\
daemon off;
worker_processes 1;
{user}
pid nginx.pid;
error_log logs/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type text/plain;
    client_header_timeout 1s;
    client_body_timeout 1s;
    send_timeout 1s;
    keepalive_timeout 8s;
    lingering_timeout 300ms;
    lingering_time 1s;
    client_max_body_size 64k;
    client_body_buffer_size 4k;
    proxy_connect_timeout 2s;
    proxy_read_timeout 1500ms;
    proxy_send_timeout 2s;
    proxy_set_header X-From "$remote_addr $connection_requests";
    proxy_set_header Host $host;
    upstream single {{ server 127.0.0.1:{backend}; keepalive 0; }}
    upstream kept {{ server 127.0.0.1:{backend}; keepalive 64; }}
    upstream pair {{
        server 127.0.0.1:{backend} max_fails=0;
        server 127.0.0.1:{backend} max_fails=0;
        keepalive 8;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        server_name a;
        root {root}/public;
        location / {{ proxy_pass http://single; }}
        location /plain/ {{ proxy_pass http://single; }}
        location /kept/ {{ proxy_pass http://kept; }}
        location /stream/ {{ proxy_pass http://kept; proxy_request_buffering off; proxy_buffering off; }}
        location /old/ {{ proxy_pass http://single; proxy_http_version 1.0; }}
        location /small/ {{ proxy_pass http://kept; client_max_body_size 3; }}
        location /exact/ {{ proxy_pass http://kept; client_max_body_size 100; }}
        location /pair/ {{ proxy_pass http://pair; proxy_next_upstream error timeout invalid_header; }}
        location /dressed/ {{
            proxy_pass http://kept;
            gzip on;
            gzip_types *;
            sub_filter_types *;
            sub_filter no-such-word "another";
            sub_filter_once off;
            add_header X-Dressed $request_uri always;
        }}
        location /gated/ {{ auth_request /gate/; proxy_pass http://kept; }}
        location /gate/ {{
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header X-From "gate 1";
            proxy_pass http://kept;
        }}
        location /ws/ {{
            proxy_pass http://single;
            proxy_set_header X-From "$remote_addr $connection_requests";
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }}
        location /return/ {{ return 200 "returned\\n"; }}
        location /deny/ {{ deny all; }}
        location /moved/ {{ return 301 /elsewhere; }}
        location /files/ {{ }}
        location /imgs/ {{ alias {root}/public/files/; }}
        location /nolinks/ {{ alias {root}/public/files/; disable_symlinks on; }}
        location /hidden/ {{ internal; alias {root}/hidden/; }}
        location /echo-uri/ {{ return 302 $uri; }}
        location /echo-full/ {{ return 302 http://a$uri?to=$arg_to; }}
        location /echo-header/ {{ add_header X-Path $uri; add_header X-To $arg_to; return 200 "ok\\n"; }}
        location /echo-upstream/ {{
            proxy_set_header X-From "$remote_addr $connection_requests";
            proxy_set_header X-Path $uri;
            proxy_pass http://kept;
        }}
        location /echo-decoded/ {{ proxy_pass http://single/echo/; }}
        location /echo-rewritten/ {{ rewrite ^/echo-rewritten/(.*)$ /kept/$1 last; }}
        location /echo-variable/ {{ proxy_pass http://127.0.0.1:{backend}$uri; }}
    }}
}}
"""


class Site:
    """One server process; `backend` is the port behind it."""

    def __init__(self, command: Command, backend: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hostile-"))
        self.folder.chmod(0o755)
        guard.folder("add", self.folder)
        self.port = reserve(set())
        self._files()
        conf = self.folder / "nginx.conf"
        user = "user root root;" if os.geteuid() == 0 else ""
        text = _CONF.format(user=user, port=self.port, backend=backend, root=self.folder)
        if command.name != "ours":  # the wheel's nginx is built without it
            text = re.sub(r"sub_filter[^;]*;", "", text)
        conf.write_text(text)
        with (self.folder / "stderr").open("wb") as said:
            self.process = subprocess.Popen(
                [*command.argv, "-p", f"{self.folder}/", "-c", str(conf), "-e", "stderr"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        guard.group("add", self.process.pid)
        self._ready()
        self.worker = self._worker()
        self.knock()

    def _files(self) -> None:
        public = self.folder / "public" / "files"
        for folder in (public / "dir", self.folder / "hidden", self.folder / "files-private"):
            folder.mkdir(parents=True)
        (self.folder / "logs").mkdir()
        (public / "public.txt").write_bytes(PUBLIC)
        (public / "dir" / "inner.txt").write_bytes(PUBLIC)
        (public / "large.bin").write_bytes(bytes(range(256)) * (LARGE // 256))
        for secret in ("secret.txt", "hidden/secret.txt", "files-private/secret.txt", "public-secret.txt"):
            (self.folder / secret).write_bytes(SECRET)
        (public / "link.txt").symlink_to(self.folder / "secret.txt")
        (public / "linkdir").symlink_to(self.folder / "hidden")
        os.mkfifo(public / "pipe")

    def _ready(self) -> None:
        pid, deadline = self.folder / "nginx.pid", time.monotonic() + STARTED
        while not (pid.exists() and pid.stat().st_size):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start: {(self.folder / 'stderr').read_text()}")
            time.sleep(0.005)

    def _worker(self) -> int:
        deadline = time.monotonic() + STARTED
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        while time.monotonic() < deadline:
            if found := children.read_text().split():
                return int(found[0])
            time.sleep(0.005)
        raise AssertionError("the server has no worker")

    def knock(self) -> None:
        """A plain request on a new connection, answered."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=STARTED) as sock:
            sock.sendall(b"GET /return/ HTTP/1.0\r\n\r\n")
            got = b"".join(iter(lambda: sock.recv(4096), b""))
        assert got.endswith(b"returned\n"), got

    # what is left of it afterwards

    def same_worker(self) -> bool:
        return self.process.poll() is None and self._worker() == self.worker

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.worker}/fd").iterdir()))

    def memory(self) -> int:
        """Octets that the worker has in memory now."""
        return int(Path(f"/proc/{self.worker}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def complaints(self) -> list[str]:
        """Lines of the error log that an orderly life does not have."""
        said = (self.folder / "stderr").read_text("utf-8", "replace")
        said += (self.folder / "logs" / "error.log").read_text("utf-8", "replace")
        marks = ("[alert]", "[emerg]", "Traceback", "RuntimeWarning")
        return [line for line in said.split("\n") if any(mark in line for mark in marks)]

    def stop(self) -> None:
        """TERM, and KILL should it not end."""
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        guard.group("del", self.process.pid)
        shutil.rmtree(self.folder, ignore_errors=True)
        guard.folder("del", self.folder)
