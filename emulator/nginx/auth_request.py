"""auth_request: whoever answers a subrequest decides (ngx_http_auth_request_module.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.request import AGAIN, OK, Handler, Request
from emulator.nginx.subrequest import Subrequest
from emulator.nginx.variables import Template, compile_template

if TYPE_CHECKING:
    from emulator.nginx.connection import Connection
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.rewrite import Set

_ASKED = "auth_request"
_CHALLENGE = b"www-authenticate"


class Question:
    """One request's subrequest; when it is over, the request goes on where it stood."""

    __slots__ = ("_r", "_waiting", "answer", "connection")

    def __init__(self, r: Request, path: bytes) -> None:
        self._r = r
        self._waiting = False
        self.connection: Connection = r.connection
        self.answer = Subrequest(r, path, self._answered)
        r.at_end(self._forget)

    def ask(self) -> bool:
        """Whether there is an answer at once."""
        self.answer.start()
        self._waiting = not self.answer.done
        return not self._waiting

    def _answered(self) -> None:
        if self._waiting:
            self.connection.worker.loop.post(self.go_on)

    def _forget(self) -> None:
        self.answer.cancel()
        self._r.ctx = None

    def go_on(self) -> None:
        connection, r = self.connection, self._r
        if connection.closed or connection.request is not r:
            return
        r.phase -= 1
        r.resume()
        if connection.out.staged:
            connection.flush()


def compile_auth_request(block: Block, own: frozenset[str]) -> Handler:
    """What asks, for where somebody is asked: OK, 401, 403, or 500 for an answer that decides nothing."""
    path: bytes = block.given("auth_request").encode(*ENCODING)
    written: tuple[Set, ...] = block.given("auth_request_set", ())
    settings = tuple((each.name, compile_template(each.value, own)) for each in written)

    def handler(r: Request) -> int:
        if r.ctx is None:
            r.ctx = {}
        question: Question | None = r.ctx.get(_ASKED)
        if question is None:
            question = r.ctx[_ASKED] = Question(r, path)
            if not question.ask() or r.connection.request is not r:
                return AGAIN
        return _judge(r, question.answer, settings)

    return handler


def _judge(r: Request, answer: Subrequest, settings: tuple[tuple[str, Template], ...]) -> int:
    if r.ctx is not None and (doing := _left_doing(answer)):
        r.ctx["doing"] = doing
    for name, template in settings:
        r.set_variables({name: template(answer)})
    status = answer.status
    if status == 401:
        r.headers_out.extend((b"WWW-Authenticate", value) for value in _challenges(answer))
    if status in (401, 403):
        return status
    if 200 <= status < 300:
        return OK
    r.log_error("error", f"auth request unexpected status: {status}")
    return 500


def _left_doing(answer: Subrequest) -> str:
    """What nginx's error log goes on to say after a subrequest, as nobody tells it that this is over."""
    if answer.upstream is not None:
        return "sending to client"
    return "sending response to client" if answer.last_modified >= 0 else ""


def _challenges(answer: Subrequest) -> list[bytes]:
    upstream = answer.upstream
    if upstream is not None and upstream.head is not None:
        return [value for _, value, lower in upstream.head.headers if lower == _CHALLENGE]
    return [value for name, value in answer.headers_out if name.lower() == _CHALLENGE]
