"""Single values: what nginx's readers take, and what they would call an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.nginx import values
from emulator.nginx.directives import BadValue, Complaint


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0", 0),
        ("512", 512),
        ("1k", 1024),
        ("1K", 1024),
        ("2m", 2 * 1024**2),
        ("1g", None),
        ("", None),
        ("k", None),
        ("-1", None),
        ("1.5m", None),
        ("1kb", None),
        ("٣", None),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("9007199254740992k", None),
    ],
)
def test_sizes_know_k_and_m(text: str, bytes_: int | None) -> None:
    assert values.size(text) == bytes_


def test_offsets_also_know_g() -> None:
    assert values.offset("10g") == 10 * 1024**3


@pytest.mark.parametrize(
    ("text", "seconds", "milliseconds"),
    [
        ("30", 30, 30_000),
        ("30s", 30, 30_000),
        ("1m30s", 90, 90_000),
        ("1m 30s", 90, 90_000),
        ("1h  5", 3605, 3_605_000),
        ("1d", 86400, 86_400_000),
        ("1w2d", 777_600, 777_600_000),
        ("1M", 2_592_000, None),
        ("1y", 31_536_000, None),
        ("500ms", None, 500),
        ("1s500ms", None, 1500),
        ("5 5", 10, 10_000),
        ("30s1m", None, None),
        ("1h1h", None, None),
        ("5 s", None, None),
        ("", None, None),
        ("s", None, None),
        ("x", None, None),
        ("1.5s", None, None),
        ("-1", None, None),
        ("99999999999999999999", None, None),
    ],
)
def test_times_are_parts_in_falling_order(text: str, seconds: int | None, milliseconds: int | None) -> None:
    assert (values.seconds(text), values.milliseconds(text)) == (seconds, milliseconds)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_any_time_written_in_parts_adds_up(hours: int, minutes: int, seconds: int, rest: int) -> None:
    text = f"{hours}h{minutes}m{seconds}s{rest}ms"
    assert values.milliseconds(text) == ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


def test_a_flag_is_on_or_off_in_any_case() -> None:
    flag = values.flag_of("sendfile")
    assert flag(("ON",)) is True
    assert flag(("off",)) is False
    with pytest.raises(BadValue, match='invalid value "1" in "sendfile" directive, it must be "on" or "off"'):
        flag(("1",))


def test_a_complaint_is_the_end_of_a_sentence() -> None:
    with pytest.raises(Complaint, match=r"^invalid number$"):
        values.as_number(("x",))
    with pytest.raises(Complaint, match=r"^invalid value$"):
        values.as_buffers(("4", "0"))


def test_words_of_a_choice_have_no_case_and_may_mean_something_else() -> None:
    choose = values.one_of("on", build="full")
    assert (choose(("ON",)), choose(("Build",))) == ("on", "full")
    with pytest.raises(BadValue, match='invalid value "x"'):
        choose(("x",))


def test_rights_become_the_bits_of_a_mode() -> None:
    assert values.as_access(("user:rw", "group:r", "all:rw")) == 0o646
    with pytest.raises(BadValue, match='invalid value "group:x"'):
        values.as_access(("group:x",))


def test_a_path_has_at_most_ten_characters_of_levels() -> None:
    assert values.as_path(("/run/x", "1", "2")) == ("/run/x", (1, 2))
    with pytest.raises(Complaint):
        values.as_path(("/run/x", "11"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("plain", ()),
        ("$host", ("host",)),
        ("${host}x$uri-$args", ("host", "uri", "args")),
        ("$1$a2", ("a2",)),
        ("${1}", ("1",)),
        ("a$b.c", ("b",)),
    ],
)
def test_the_variables_of_a_text_are_found(text: str, names: tuple[str, ...]) -> None:
    assert values.variables_in(text) == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("$", "invalid variable name"),
        ("a$$b", "invalid variable name"),
        ("$-", "invalid variable name"),
        ("${}", "invalid variable name"),
        ("${", "invalid variable name"),
        ("${a", 'the closing bracket in "a" variable is missing'),
        ("${a-b}", 'the closing bracket in "a" variable is missing'),
    ],
)
def test_what_is_no_variable_is_said_in_nginxs_words(text: str, said: str) -> None:
    with pytest.raises(BadValue) as error:
        values.variables_in(text)
    assert str(error.value) == said
