"""Values that the directives of both directions of TLS share."""

from __future__ import annotations

from emulator.nginx.directives import BadValue, Block
from emulator.nginx.values import number, seconds

PROTOCOLS = ("sslv2", "sslv3", "tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3")


def is_count(text: str) -> bool:
    """Whether nginx's ngx_atoi takes it, and not for 0."""
    return bool(number(text))


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
