import socket
import ssl

import pytest

from emulator.nginx.tlsstream import TlsStream
from emulator.nginx.tlsupstream import TlsClient, matches
from emulator.nginx.verifier import Verifier, to_judge
from tests.oracle import certificates


def certificate(*names, common="common.test"):
    return {
        "subject": ((("commonName", common),),),
        "subjectAltName": tuple(("DNS", name) for name in names),
    }


@pytest.mark.parametrize("name", ["a.test", "A.Test", "x.b.test"])
def test_an_alternative_name_fits(name):
    assert matches(certificate("a.test", "*.b.test"), name)


@pytest.mark.parametrize("name", ["common.test", "b.test", "x.y.b.test", "", "test", ".b.test"])
def test_another_name_does_not(name):
    assert not matches(certificate("a.test", "*.b.test", "*.test"), name)


def test_the_common_name_counts_where_there_is_no_other():
    assert matches(certificate(), "common.test")
    assert not matches({"subject": ()}, "common.test")


def established(client, context):
    """A connection of a TlsClient to a server of ours, its handshake done."""
    here, there = socket.socketpair()
    for end in (here, there):
        end.setblocking(False)
    stream, server = client.stream(here, None, "peer"), TlsStream(there, context, True)
    for _ in range(4):
        stream.handshake()
        server.handshake()
    assert stream.done
    assert server.done
    return stream, server


def close(*streams):
    for stream in streams:
        stream.close()


@pytest.fixture
def verifying():
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted.check_hostname = False
    trusted.load_verify_locations(certificates.folder() / "ca.crt")
    to_judge(trusted)
    mine = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    mine.check_hostname, mine.verify_mode = False, ssl.CERT_NONE
    mine.maximum_version = ssl.TLSVersion.TLSv1_2
    client = TlsClient(lambda r: mine, lambda r: b"a.example", False, True)
    client.verifier = Verifier(trusted, 1)
    return client


@pytest.fixture
def context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.folder() / "a.crt", certificates.folder() / "a.key")
    return context


def test_a_resumed_session_is_judged_by_what_was_shown_at_its_beginning(verifying, context):
    for resumed in (False, True):
        stream, server = established(verifying, context)
        assert stream.tls.session_reused is resumed
        assert verifying.complaint(stream, None) is None
        verifying.keep_session(stream, "peer")
        close(stream, server)


def test_certificates_without_number_leave_no_session_that_cannot_be_judged(verifying, context):
    stream, server = established(verifying, context)
    assert verifying.complaint(stream, None) is None
    verifying._names = {b"%d" % number: {} for number in range(1000)}
    verifying.keep_session(stream, "peer")
    close(stream, server)
    for _ in range(2):
        stream, server = established(verifying, context)
        assert verifying.complaint(stream, None) is None
        verifying.keep_session(stream, "peer")
        close(stream, server)
