"""What is said of clients' certificates, and that nothing stays of those that were shown."""

import ssl

import pytest

from emulator.nginx.verifier import OK, Verifier, show_all, to_judge
from tests.oracle import certificates


def client(name, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = version
    context.load_cert_chain(certificates.folder() / f"{name}.crt", certificates.folder() / f"{name}.key")
    return context


def shake(server, context):
    """A handshake in memory; the server's side of it."""
    to_client, to_server = (ssl.MemoryBIO(), ssl.MemoryBIO())
    ends = context.wrap_bio(to_client, to_server, False), server.wrap_bio(to_server, to_client, True)
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[1]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_clients_have_shown_does_not_stay_with_the_server(version):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates.folder() / "a.crt", certificates.folder() / "a.key")
    show_all(server)
    for name in ("client", "expired", "stranger"):
        connection = shake(server, client(name, version))
        assert connection.shown[0] == connection.getpeercert(binary_form=True)
        assert "subject" in connection.getpeercert()
    assert server.cert_store_stats()["x509"] == 0


def test_a_certificate_that_is_shown_again_is_judged_again():
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted.load_cert_chain(certificates.folder() / "a.crt", certificates.folder() / "a.key")
    trusted.load_verify_locations(certificates.folder() / "ca.crt")
    to_judge(trusted)
    verifier = Verifier(trusted, 1)
    chain = (ssl.PEM_cert_to_DER_cert((certificates.folder() / "client.crt").read_text()),)
    assert verifier.verdict(chain).code == OK
    trusted.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF  # from now on a list is wanted that nobody has
    assert verifier.verdict(chain).code != OK
    assert verifier.remembered(chain[0]).code != OK
