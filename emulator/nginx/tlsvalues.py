"""Values that the directives of both directions of TLS share."""

from __future__ import annotations

from typing import Any

from emulator.nginx.directives import BadValue, Block, Context
from emulator.nginx.values import number, seconds

PROTOCOLS = ("sslv2", "sslv3", "tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3")


def is_count(text: str) -> bool:
    """Whether nginx's ngx_atoi takes it, and not for 0."""
    return bool(number(text))


def announce(block: Block, value: Any) -> Any:
    """There is TLS: files are loaded when the http block is complete, as nginx does while it merges."""
    state = block.state
    if not state.speaks_tls and state.path is not None:
        state.speaks_tls = True
        http = block if block.context is Context.HTTP else block.parent
        assert http is not None
        state.merges.append(lambda: _load_servers(http))
    return value


def _load_servers(http: Block) -> None:
    from emulator.nginx.tlsconf import load_servers

    load_servers(http)


def announce_client(block: Block) -> None:
    """A location speaks TLS to its upstreams."""

    def load() -> None:
        from emulator.nginx.tlsclientconf import compile_client

        block.values["tls"] = compile_client(block)

    if block.state.path is not None:
        block.state.merges.append(load)


def place_certificate_cache(block: Block, args: tuple[str, ...]) -> tuple[str, ...]:
    """As ngx_http_ssl_certificate_cache."""
    has_max = False
    for arg in args:
        name, equals, value = arg.partition("=")
        if name == "max" and equals:
            if not is_count(value):
                raise BadValue(f'invalid parameter "{arg}"')
            has_max = True
        elif name in ("inactive", "valid") and equals:
            if seconds(value) is None:
                raise BadValue(f'invalid parameter "{arg}"')
        elif arg != "off":
            raise BadValue(f'invalid parameter "{arg}"')
    if not has_max and "off" not in args:
        raise BadValue(f'"{block.state.at.name}" must have the "max" parameter')
    return args
