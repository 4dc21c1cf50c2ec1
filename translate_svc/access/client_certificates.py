"""The name that a client certificate gives its caller."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import NameOID

from translate_svc.access.caller_file import CertificateName
from translate_svc.errors import Unauthenticated

_PEM = b"-----BEGIN"
_MAX_NAME_CHARACTERS = 256
_KINDS: dict[CertificateName, type[x509.UniformResourceIdentifier | x509.DNSName | x509.RFC822Name]] = {
    "uri": x509.UniformResourceIdentifier,
    "dns": x509.DNSName,
    "email": x509.RFC822Name,
}


def certificate_name(certificate: bytes, kinds: Iterable[CertificateName]) -> str:
    """The name of the first of ``kinds`` that ``certificate`` (PEM or DER) has.

    The certificate has passed the handshake, so one of the trusted authorities has issued it.

    Raises:
        Unauthenticated: it has none of them, or several of the first that it has.
    """
    try:
        load = x509.load_pem_x509_certificate
        if not certificate.startswith(_PEM):
            load = x509.load_der_x509_certificate
        parsed = load(certificate)
        found = next((names for kind in kinds if (names := _names(parsed, kind))), [])
    except ValueError:
        raise Unauthenticated("the client certificate cannot be read") from None
    if len(found) != 1:
        problem = "several names" if found else "no name"
        raise Unauthenticated(f"the client certificate has {problem} of the kind that callers are known by")
    name = found[0]
    if not 1 <= len(name) <= _MAX_NAME_CHARACTERS or not name.isprintable():
        raise Unauthenticated("the client certificate has a name that cannot be used")
    return name


def _names(certificate: x509.Certificate, kind: CertificateName) -> list[str]:
    if kind == "common_name":
        values = [each.value for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        return [value for value in values if isinstance(value, str)]
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(name) for name in extension.value.get_values_for_type(_KINDS[kind])]
