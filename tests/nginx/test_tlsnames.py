from emulator.nginx import tlsnames
from emulator.nginx.opensslwords import words

NAME = ((("countryName", "DE"),), (("organizationName", 'a,b+"c"/d'),), (("commonName", "Müller"),))


def test_a_name_is_written_from_its_end_as_rfc_2253_has_it():
    assert tlsnames.rfc2253(NAME) == 'CN=M\\C3\\BCller,O=a\\,b\\+\\"c\\"/d,C=DE'


def test_parts_of_one_level_are_joined():
    assert tlsnames.rfc2253(((("commonName", "x"), ("userId", "7")),)) == "CN=x+UID=7"


def test_blanks_at_the_ends_are_kept():
    assert tlsnames.rfc2253(((("commonName", " x "),),)) == "CN=\\ x\\ "
    assert tlsnames.rfc2253(((("commonName", "#x"),),)) == "CN=\\#x"


def test_the_old_form_begins_with_slashes():
    assert tlsnames.legacy(NAME) == '/C=DE/O=a,b\\+"c"\\/d/CN=M\\xC3\\xBCller'


def test_what_openssl_does_not_know_is_a_number():
    assert tlsnames.ciphers((0x1301, 0x0A0A)) == "TLS_AES_128_GCM_SHA256:0x0a0a"
    assert tlsnames.group(29) == "X25519"
    assert tlsnames.group(0x2A2A) == "0x2a2a"
    assert tlsnames.signature(0x0403) == "ecdsa_secp256r1_sha256"


def test_errors_have_openssls_numbers():
    assert words("NO_SHARED_CIPHER") == ("info", "(SSL: error:0A0000C1:SSL routines::no shared cipher)")
    alert = words("TLSV1_ALERT_UNKNOWN_CA").text
    assert alert == "(SSL: error:0A000418:SSL routines::tlsv1 alert unknown ca:SSL alert number 48)"
    assert words("SOMETHING_NEW") == ("crit", "(SSL: something new)")
