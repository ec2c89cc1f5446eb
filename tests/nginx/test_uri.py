"""URIs: normalised once, escaped on the way out, and never leading above the root."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.http1.message import BadMessage
from emulator.nginx.uri import escape_args, escape_uri, normalize


@pytest.mark.parametrize(
    ("raw", "path", "args"),
    [
        (b"/", b"/", b""),
        (b"/a/b", b"/a/b", b""),
        (b"/a?b=c?d", b"/a", b"b=c?d"),
        (b"/a#b?c", b"/a", b""),
        (b"/a?b#c", b"/a", b"b"),
        (b"/%41%2fb", b"/A/b", b""),
        (b"/%e4", b"/\xe4", b""),
        (b"/a%20b?%20", b"/a b", b"%20"),
        (b"//a///b", b"/a/b", b""),
        (b"/a//?b//c", b"/a/", b"b//c"),
        (b"/%2fa", b"/a", b""),
        (b"/./a/.", b"/a/", b""),
        (b"/a/../b", b"/b", b""),
        (b"/a/b/..", b"/a/", b""),
        (b"/a/b/../", b"/a/", b""),
        (b"/a/..", b"/", b""),
        (b"/%2e%2e/", None, b""),
        (b"/a/%2e%2E/b", b"/b", b""),
        (b"/..", None, b""),
        (b"/a/../..", None, b""),
        (b"/...", b"/...", b""),
        (b"/.a/..b", b"/.a/..b", b""),
        (b"/a?/../..", b"/a", b"/../.."),
    ],
)
def test_a_target_is_decoded_merged_and_resolved(raw: bytes, path: bytes | None, args: bytes) -> None:
    if path is None:
        with pytest.raises(BadMessage, match="client sent invalid request"):
            normalize(raw)
    else:
        assert normalize(raw) == (path, args)


@pytest.mark.parametrize("raw", [b"/%", b"/%4", b"/%4g", b"/%00", b"/%u0041", b"/a%\n1"])
def test_what_is_no_escape_is_refused(raw: bytes) -> None:
    with pytest.raises(BadMessage) as caught:
        normalize(raw)
    assert caught.value.status == 400


def test_slashes_stay_where_merging_is_off() -> None:
    assert normalize(b"//a//b", merge_slashes=False)[0] == b"//a//b"


TARGETS = st.lists(
    st.sampled_from([b"/", b".", b"..", b"a", b"%2e", b"%2f", b"%41", b"%", b"?", b"#", b"\xff", b" "]),
    max_size=12,
).map(lambda parts: b"/" + b"".join(parts))


@given(TARGETS)
def test_no_target_leads_above_the_root(raw: bytes) -> None:
    try:
        path, _ = normalize(raw)
    except BadMessage:
        return
    assert path.startswith(b"/")
    assert b".." not in path.split(b"/")
    assert b"." not in path.split(b"/")
    assert b"//" not in path


@given(TARGETS)
def test_normalising_what_was_normalised_and_escaped_changes_nothing(raw: bytes) -> None:
    try:
        path, _ = normalize(raw)
    except BadMessage:
        return
    if b"\x00" not in path:
        assert normalize(escape_uri(path))[0] == path


@given(st.binary(max_size=30))
def test_an_escaped_path_holds_nothing_that_ends_it(path: bytes) -> None:
    for escaped in (escape_uri(path), escape_args(path)):
        assert not set(escaped) & set(b' ?#"<>\\^`{|}\x7f\r\n\x00')
        assert all(octet < 0x7F for octet in escaped)


def test_an_argument_escapes_what_separates_arguments() -> None:
    assert escape_args(b"a&b=c+d;e") == b"a%26b=c%2Bd%3Be"
    assert escape_uri(b"a&b=c+d;e") == b"a&b=c+d;e"
