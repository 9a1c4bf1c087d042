"""Certificates: one that is given, or one by a CA of the room's own, which can vouch for private addresses only."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from handson.errors import HandsonError
from handson.room.hub.settings import Tls
from handson.room.hub.state import write_private

CA_DAYS, CERTIFICATE_DAYS = 366, 90
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8")


def given(folder: Path, certificate: Path, key: Path) -> Tls:
    """A certificate with its key (PEM), copied to `folder`, where the proxy may read them.

    Raises HandsonError where they cannot be read, do not belong together or are out of date.
    """
    try:
        shown = x509.load_pem_x509_certificate(certificate.read_bytes())
        secret = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise HandsonError(
            f"The certificate {certificate} with the key {key} cannot be read: {error}.",
            "Give the full chain and its key as PEM files, the key without a password.",
        ) from None
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    if shown.public_key().public_bytes(encoding, form) != secret.public_key().public_bytes(encoding, form):
        raise HandsonError(
            f"The key {key} is not that of the certificate {certificate}.", "Give the key it was made with."
        )
    if not shown.not_valid_before_utc <= _now() <= shown.not_valid_after_utc:
        raise HandsonError(
            f"The certificate {certificate} is valid from {shown.not_valid_before_utc:%Y-%m-%d} to "
            f"{shown.not_valid_after_utc:%Y-%m-%d}, and today is {_now():%Y-%m-%d}.",
            "Renew it.",
        )
    made = Tls(certificate=folder / "room.pem", key=folder / "room-key.pem")
    write_private(made.certificate, certificate.read_text(encoding="ascii"))
    write_private(made.key, key.read_text(encoding="ascii"))
    return made


def local(folder: Path, authority: Path, address: str, name: str = "") -> Tls:
    """A certificate for `address` and the name in `folder`, by the CA in `authority`, made where there is none.

    Attendees install `ca.pem`. Name constraints (RFC 5280, 4.2.1.10) keep it to private addresses and `.local`, so that
    it is good for nothing else, should its key be lost.
    """
    ca, ca_key = _authority(authority)
    names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(address))]
    if name:
        names.append(x509.DNSName(name))
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _begun(f"handson room at {address}", ca.subject, CERTIFICATE_DAYS, key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    made = Tls(certificate=folder / "room.pem", key=folder / "room-key.pem", is_local_ca=True)
    write_private(made.certificate, _pem(certificate) + _pem(ca))
    write_private(made.key, _key_pem(key))
    return made


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate, key_file = folder / "ca.pem", folder / "ca-key.pem"
    try:
        shown = x509.load_pem_x509_certificate(certificate.read_bytes())
        secret = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        if isinstance(secret, ec.EllipticCurvePrivateKey) and shown.not_valid_after_utc > _now() + _days(
            CERTIFICATE_DAYS
        ):
            return shown, secret
    except (OSError, ValueError):
        pass  # none yet, or not whole: a new one
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "handson room CA")])
    permitted: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_network(one)) for one in PRIVATE_NETWORKS]
    shown = (
        _begun("handson room CA", subject, CA_DAYS, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints([*permitted, x509.DNSName("local")], None), critical=True)
        .add_extension(_signs_certificates(), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(certificate, _pem(shown))
    write_private(key_file, _key_pem(key))
    return shown, key


def _begun(name: str, issuer: x509.Name, days: int, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - _days(1))  # clocks of laptops differ
        .not_valid_after(_now() + _days(days))
    )


def _signs_certificates() -> x509.KeyUsage:
    nothing_else = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("encipher_only", "decipher_only"),
        ),
        False,
    )
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **nothing_else)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    form, locked = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, locked).decode("ascii")


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _days(count: int) -> datetime.timedelta:
    return datetime.timedelta(days=count)
