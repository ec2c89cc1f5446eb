import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.nginx.clienthello import BadHello, chosen_group, client_hello


def hello(name="a.example", alpn=("h2", "http/1.1")):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    context.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def test_the_name_and_what_is_offered_are_read():
    found = client_hello(hello())
    assert found.name == "a.example"
    assert found.alpn == (b"h2", b"http/1.1")
    assert 0x1301 in found.ciphers
    assert 29 in found.groups
    assert 0x0403 in found.signatures


def test_a_client_need_not_name_a_server():
    assert client_hello(hello(None, ())).name is None


def test_a_message_in_several_records_is_read_when_it_is_whole():
    message = hello()[5:]
    data = b"".join(
        b"\x16\x03\x01%b%b" % (len(piece).to_bytes(2, "big"), piece)
        for piece in (message[:1], message[1:9], message[9:])
    )
    assert client_hello(data) == client_hello(hello()[:5] + message)
    assert client_hello(data[:-1]) is None


@pytest.mark.parametrize(
    "data", [b"\x17\x03\x01\x00\x00", b"\x16GARBAGE", b"\x16\x03\x01\x00\x04\x02\x00\x00\x00"]
)
def test_what_is_no_hello_is_for_openssl_to_refuse(data):
    with pytest.raises(BadHello):
        client_hello(data)


def test_a_hello_in_crumbs_is_not_waited_for():
    crumbs = b"".join(b"\x16\x03\x01\x00\x01%c" % octet for octet in hello()[5:])
    for data in (crumbs, b"\x16\x03\x01\x00\x00" * 1000):
        with pytest.raises(BadHello):
            client_hello(data)


@given(st.integers(0, 300), st.integers(0, 255))
def test_a_spoilt_hello_is_read_or_refused_and_nothing_else(place, octet):
    data = bytearray(_HELLO)
    data[place % len(data)] = octet
    try:
        client_hello(bytes(data))
    except BadHello:
        return


@given(st.binary(max_size=80))
def test_any_octets_are_no_group_or_one(data):
    assert chosen_group(b"\x16\x03\x03" + len(data).to_bytes(2, "big") + data) in (None, *range(65536))


_HELLO = hello()
