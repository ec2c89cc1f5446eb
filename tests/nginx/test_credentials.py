"""Names and passwords as nginx reads and compares them."""

from __future__ import annotations

import errno

import pytest

from emulator.nginx.auth_basic import find_password
from emulator.nginx.credentials import Credentials, NoCrypt, credentials, decode_base64, fits


@pytest.mark.parametrize(
    "stored",
    [
        b"{PLAIN}secret",
        b"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        b"{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0",
        b"$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/",
        b"$apr1$x$12YdXEY0/hH4rDNkmZupO0",
        b"$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
    ],
)
def test_each_kind_of_hash_takes_its_password_and_no_other(stored: bytes) -> None:
    assert fits(b"secret", stored)
    assert not fits(b"Secret", stored)
    assert not fits(b"", stored)


def test_a_password_ends_at_a_nul_as_a_c_string_does() -> None:
    assert fits(b"secret\0more", b"{PLAIN}secret")


def test_a_machine_without_crypt_says_so() -> None:
    with pytest.raises(NoCrypt) as caught:
        fits(b"secret", b"$6$saltsalt$x", libraries=("libnowhere.so.1",))
    assert caught.value.errno == errno.ENOSYS


def test_credentials_need_a_name_and_a_colon() -> None:
    assert credentials(b"Basic dTpw") == Credentials(b"u", b"p")
    assert credentials(b"basic   dTpw") == Credentials(b"u", b"p")
    assert credentials(b"Basic dTo6") == Credentials(b"u", b":")
    for wrong in (None, b"", b"Basic", b"Basic ", b"Bearer dTpw", b"Basic dQ", b"Basic OnA", b"Basic !"):
        assert credentials(wrong) is None


def test_base64_needs_no_padding_and_takes_nothing_else() -> None:
    assert decode_base64(b"dTpw=rest") == b"u:p"
    assert decode_base64(b"dTpwcA") == b"u:pp"
    assert decode_base64(b"dTpwc") is None
    assert decode_base64(b"dTpw cA") is None


def test_a_name_that_a_line_only_begins_swallows_the_next_line_as_in_nginx() -> None:
    text = b"# u:no\nal\nalice:one\nalice:two:comment\nbob:three"
    assert find_password(text, b"alice") == b"two"
    assert find_password(text, b"bob") == b"three"
    assert find_password(text, b"# u") is None
    assert find_password(text, b"carol") is None
