"""The name that a certificate gives its caller."""

from __future__ import annotations

import datetime
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from translate_svc.access.caller_file import CertificateName
from translate_svc.access.client_certificates import certificate_name
from translate_svc.errors import Unauthenticated

KEY = ec.generate_private_key(ec.SECP256R1())
SPIFFE = "spiffe://example.org/ns/calls/sa/bridge"


def certificate(*names: x509.GeneralName, common_names: tuple[str, ...] = ()) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common_names])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(hours=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, hashes.SHA256())


def uri(name: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(name)


def dns(name: str) -> x509.GeneralName:
    return x509.DNSName(name)


@pytest.mark.parametrize(
    ("made", "kinds", "name"),
    [
        (certificate(uri(SPIFFE), dns("bridge.example.org")), ["uri", "dns"], SPIFFE),
        (certificate(uri(SPIFFE), dns("bridge.example.org")), ["dns", "uri"], "bridge.example.org"),
        (certificate(dns("bridge.example.org")), ["uri", "dns"], "bridge.example.org"),
        (certificate(x509.RFC822Name("a@example.org")), ["email"], "a@example.org"),
        (certificate(common_names=("bridge 7",)), ["uri", "dns", "common_name"], "bridge 7"),
        (certificate(uri(SPIFFE), dns("a.example"), dns("b.example")), ["uri", "dns"], SPIFFE),
    ],
)
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_the_first_kind_that_it_has_counts(
    made: x509.Certificate, kinds: list[CertificateName], name: str, encoding: Encoding
) -> None:
    assert certificate_name(made.public_bytes(encoding), kinds) == name


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (certificate(), "no name"),
        (certificate(x509.IPAddress(ipaddress.ip_address("192.0.2.1"))), "no name"),
        (certificate(dns("a.example"), dns("b.example"), common_names=("a",)), "several names"),
        (certificate(common_names=("a", "b")), "several names"),
        (certificate(common_names=("two\nlines",)), "cannot be used"),
    ],
)
def test_a_name_that_is_not_clear_is_refused(made: x509.Certificate, said: str) -> None:
    with pytest.raises(Unauthenticated, match=said):
        certificate_name(made.public_bytes(Encoding.DER), ["uri", "dns", "common_name"])


def test_what_is_no_certificate_is_refused() -> None:
    for data in (b"", b"-----BEGIN CERTIFICATE-----\n", b"\x30\x82"):
        with pytest.raises(Unauthenticated, match="cannot be read"):
            certificate_name(data, ["uri"])
