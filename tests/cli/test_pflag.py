"""Words into flags, by the rules of Docker's client."""

from __future__ import annotations

import pytest

from emulator.cli.docker.kinds import KINDS
from emulator.cli.docker.pflag import BadFlag, Flag, HelpWanted, parse

FLAGS = (
    Flag("detach", "d", "bool", ""),
    Flag("quiet", "q", "bool", ""),
    Flag("publish", "p", "list", ""),
    Flag("replicas", "", "uint", ""),
)


def test_a_value_stands_after_an_equals_sign_or_is_the_next_word() -> None:
    assert parse(["--replicas=3", "web"], FLAGS) == parse(["--replicas", "3", "web"], FLAGS)


def test_a_bool_takes_a_value_only_after_an_equals_sign() -> None:
    found = parse(["-d=false", "--quiet", "false"], FLAGS)
    assert (found.values, found.rest) == ({"detach": False, "quiet": True}, ["false"])


def test_short_flags_are_joined_and_the_last_takes_the_rest() -> None:
    assert parse(["-dqp8080:80", "-p", "81"], FLAGS).values == {
        "detach": True,
        "quiet": True,
        "publish": ["8080:80", "81"],
    }


def test_flags_may_stand_behind_words_unless_these_are_a_containers() -> None:
    words = ["image", "sh", "-d", "--bogus"]
    assert parse(words, FLAGS, interspersed=False).rest == words
    assert parse(["a", "-d", "b", "--", "-q"], FLAGS).rest == ["a", "b", "-q"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bogus"], "unknown flag: --bogus"),
        (["-dx"], "unknown shorthand flag: 'x' in -dx"),
        (["--replicas"], "flag needs an argument: --replicas"),
        (["-p"], "flag needs an argument: 'p' in -p"),
        (["---x"], "bad flag syntax: ---x"),
        (
            ["-d=x"],
            'invalid argument "x" for "-d, --detach" flag: strconv.ParseBool: parsing "x": invalid syntax',
        ),
    ],
)
def test_what_is_wrong_is_said_in_gos_words(words: list[str], said: str) -> None:
    with pytest.raises(BadFlag) as error:
        parse(words, FLAGS)
    assert str(error.value) == said


def test_help_may_be_asked_for_anywhere() -> None:
    with pytest.raises(HelpWanted):
        parse(["image", "--help"], FLAGS)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("duration", "1h2m3.5s", 3723500000000),
        ("duration", "250ms", 250000000),
        ("duration", "-1s", -1000000000),
        ("bytes", "64M", 67108864),
        ("bytes", "1.5 GiB", 1610612736),
        ("decimal", ".25", 250000000),
        (
            "port",
            "8080:80",
            [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "ingress"}],
        ),
        ("port", "80/udp", [{"Protocol": "udp", "TargetPort": 80, "PublishMode": "ingress"}]),
        ("network", "name=n,alias=a,alias=b", {"Target": "n", "Aliases": ["a", "b"]}),
        ("mount", "src=v,dst=/x,ro", {"Type": "volume", "Source": "v", "Target": "/x", "ReadOnly": True}),
        (
            "mount",
            "type=volume,src=v,dst=/x,volume-nocopy",
            {
                "Type": "volume",
                "Source": "v",
                "Target": "/x",
                "VolumeOptions": {"DriverConfig": {}, "NoCopy": True},
            },
        ),
    ],
)
def test_a_value_is_read_into_what_the_api_takes(kind: str, text: str, value: object) -> None:
    assert KINDS[kind].read(text) == value
