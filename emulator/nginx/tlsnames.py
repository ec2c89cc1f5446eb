"""How OpenSSL writes what TLS numbers: ciphers, groups, signatures, and the names in certificates."""

from __future__ import annotations

import functools
import re

Name = tuple[tuple[tuple[str, str], ...], ...]  # as ssl.SSLSocket.getpeercert gives it

_GROUPS = {
    15: "secp160k1", 16: "secp160r1", 18: "secp192k1", 19: "prime192v1", 20: "secp224k1", 21: "secp224r1",
    22: "secp256k1", 23: "prime256v1", 24: "secp384r1", 25: "secp521r1", 26: "brainpoolP256r1",
    27: "brainpoolP384r1", 28: "brainpoolP512r1", 29: "X25519", 30: "X448", 256: "ffdhe2048",
    257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192", 4588: "X25519MLKEM768",
}  # fmt: skip
_SIGNATURES = {
    0x0401: "rsa_pkcs1_sha256", 0x0501: "rsa_pkcs1_sha384", 0x0601: "rsa_pkcs1_sha512",
    0x0403: "ecdsa_secp256r1_sha256", 0x0503: "ecdsa_secp384r1_sha384", 0x0603: "ecdsa_secp521r1_sha512",
    0x0804: "rsa_pss_rsae_sha256", 0x0805: "rsa_pss_rsae_sha384", 0x0806: "rsa_pss_rsae_sha512",
    0x0809: "rsa_pss_pss_sha256", 0x080A: "rsa_pss_pss_sha384", 0x080B: "rsa_pss_pss_sha512",
    0x0807: "ed25519", 0x0808: "ed448", 0x0201: "rsa_pkcs1_sha1", 0x0203: "ecdsa_sha1",
    0x0301: "rsa_pkcs1_sha224", 0x0303: "ecdsa_sha224",
}  # fmt: skip
_SHORT = {
    "commonName": "CN", "countryName": "C", "organizationName": "O", "organizationalUnitName": "OU",
    "localityName": "L", "stateOrProvinceName": "ST", "domainComponent": "DC", "userId": "UID",
    "givenName": "GN", "surname": "SN", "streetAddress": "street",
}  # fmt: skip
_DIVIDER = re.compile("[/+]")
_SPECIAL = re.compile(r'[,+"\\<>;]')
_CODED = re.compile("[\x00-\x1f\x7f-\U0010ffff]")


@functools.cache
def _ciphers() -> dict[int, str]:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    known = {cipher["id"] & 0xFFFF: cipher["name"] for cipher in context.get_ciphers()}
    return known | {0x00FF: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", 0x5600: "TLS_FALLBACK_SCSV"}


def ciphers(numbers: tuple[int, ...]) -> str:
    """As ngx_ssl_get_ciphers: a cipher that OpenSSL does not know is a number."""
    known = _ciphers()
    return ":".join(known.get(number) or f"0x{number:04x}" for number in numbers)


def group(number: int) -> str:
    """As ngx_ssl_get_curves."""
    return _GROUPS.get(number) or f"0x{number:04x}"


def signature(number: int) -> str:
    return _SIGNATURES.get(number) or f"0x{number:04x}"


def _short(name: str) -> str:
    return _SHORT.get(name, name)


def rfc2253(name: Name) -> str:
    """As X509_NAME_print_ex with XN_FLAG_RFC2253: the last part comes first."""
    return ",".join(
        "+".join(f"{_short(kind)}={_escaped(value)}" for kind, value in part) for part in reversed(name)
    )


def _escaped(value: str) -> str:
    text = _SPECIAL.sub(lambda found: "\\" + found[0], value)
    text = _CODED.sub(lambda found: "".join(f"\\{octet:02X}" for octet in found[0].encode()), text)
    if text[:1] in ("#", " "):
        text = "\\" + text
    if text.endswith(" ") and len(value) > 1:
        text = text[:-1] + "\\ "
    return text


def legacy(name: Name) -> str:
    """As X509_NAME_oneline: each octet beyond ASCII by its number."""
    pairs = ((_short(kind), _DIVIDER.sub(r"\\\g<0>", value)) for part in name for kind, value in part)
    octets = "".join(f"/{kind}={value}" for kind, value in pairs).encode()
    return "".join(chr(octet) if 32 <= octet < 127 else f"\\x{octet:02X}" for octet in octets)
