"""`syslog:server=…,facility=…,severity=…,tag=…,nohostname`: where a log line goes over the network."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from emulator.nginx.address import Address, BadAddress, parse_address
from emulator.nginx.directives import BadValue

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv", "ftp"),
    *("ntp", "audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4", "local5"),
    *("local6", "local7"),
)
SEVERITIES = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")


class Syslog(NamedTuple):
    """A log server and how its lines are marked: numbers as RFC 3164 has them."""

    text: str
    server: Address
    facility: int = FACILITIES.index("local7")
    severity: int = SEVERITIES.index("info")
    tag: str = "nginx"
    hostname: bool = True


def parse_syslog(text: str) -> Syslog:
    """As ngx_syslog_process_conf; `text` begins with `syslog:`."""
    found: dict[str, str] = {}
    for part in text[len("syslog:") :].split(","):
        name, _, value = part.partition("=")
        if name not in _CHECKS or (name == "nohostname") != (part == "nohostname"):
            raise BadValue(f'unknown syslog parameter "{part}"')
        if name in found and value:
            raise BadValue(f'duplicate syslog "{name}"')
        _CHECKS[name](value)
        found[name] = value
    if "server" not in found:
        raise BadValue("no syslog server specified")
    return Syslog(
        found["server"],
        parse_address(found["server"], default_port=514),
        FACILITIES.index(found.get("facility", "local7")),
        SEVERITIES.index(found.get("severity", "info")),
        found.get("tag", "nginx"),
        "nohostname" not in found,
    )


def _check_server(value: str) -> None:
    try:
        parse_address(value, default_port=514)
    except BadAddress as error:
        raise BadValue(f'{error} in syslog server "{value}"') from None


def _check_facility(value: str) -> None:
    if value not in FACILITIES:
        raise BadValue(f'unknown syslog facility "{value}"')


def _check_severity(value: str) -> None:
    if value not in SEVERITIES:
        raise BadValue(f'unknown syslog severity "{value}"')


def _check_tag(value: str) -> None:
    if len(value) > 32:
        raise BadValue("syslog tag length exceeds 32")
    if not re.fullmatch(r"[A-Za-z0-9_]*", value):
        raise BadValue('syslog "tag" only allows alphanumeric characters and underscore')


_CHECKS: dict[str, Callable[[str], None]] = {
    "server": _check_server,
    "facility": _check_facility,
    "severity": _check_severity,
    "tag": _check_tag,
    "nohostname": lambda value: None,
}
