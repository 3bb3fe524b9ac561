"""A self-signed certificate, made without any program or library besides Python's own."""

from __future__ import annotations

import hashlib
import secrets
import ssl
from base64 import encodebytes
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from evalperf.clock import utc_now
from evalperf.simulator.options import CERTIFICATE
from evalperf.simulator.p256 import ORDER, public_key, sign

__all__ = ["serving_context"]

_KEY: Final = "key.pem"
_VALID: Final = timedelta(days=30)

_EC_KEY = "1.2.840.10045.2.1"
_CURVE = "1.2.840.10045.3.1.7"
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"
_COMMON_NAME = "2.5.4.3"
_KEY_IDENTIFIER = "2.5.29.14"
_KEY_USAGE = "2.5.29.15"
_ALTERNATIVE_NAMES = "2.5.29.17"
_BASIC_CONSTRAINTS = "2.5.29.19"

_SIGNS_AND_CERTIFIES = b"\x03\x02\x02\x84"  # a bit string: digitalSignature, keyCertSign


def serving_context(folder: Path, host: str) -> ssl.SSLContext:
    """TLS for a server at this host, localhost and 127.0.0.1; leaves the certificate in the folder.

    The key is in a file only for the moment in which it is read. Raises OSError where the folder can't be written.
    """
    private_key = 1 + secrets.randbelow(ORDER - 1)
    certificate, key = folder / CERTIFICATE, folder / _KEY
    certificate.write_text(_pem("CERTIFICATE", _certificate(private_key, host)), encoding="ascii")
    key.touch(mode=0o600)
    try:
        key.write_text(_pem("EC PRIVATE KEY", _key(private_key)), encoding="ascii")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    finally:
        key.unlink()
    return context


def _certificate(private_key: int, host: str) -> bytes:
    """X.509 version 3 (RFC 5280); its own authority, so that a client who trusts it needs nothing else."""
    algorithm = _sequence(_oid(_ECDSA_SHA256))
    name = _sequence(_der(0x31, _sequence(_oid(_COMMON_NAME), _der(0x0C, b"evalperf simulator"))))
    made_at = utc_now() - timedelta(minutes=5)  # clocks differ
    names = _sequence(*dict.fromkeys((_alternative("localhost"), _alternative("127.0.0.1"), _alternative(host))))
    point = public_key(private_key)
    extensions = _sequence(
        _extension(_KEY_IDENTIFIER, _der(0x04, hashlib.sha256(point).digest()[:20])),
        _extension(_KEY_USAGE, _SIGNS_AND_CERTIFIES, critical=True),
        _extension(_ALTERNATIVE_NAMES, names),
        _extension(_BASIC_CONSTRAINTS, _sequence(_der(0x01, b"\xff")), critical=True),
    )
    signed = _sequence(
        _der(0xA0, _integer(2)),
        _integer(1 + secrets.randbits(63)),
        algorithm,
        name,
        _sequence(_time(made_at), _time(made_at + _VALID)),
        name,
        _sequence(_sequence(_oid(_EC_KEY), _oid(_CURVE)), _bits(point)),
        _der(0xA3, extensions),
    )
    r, s = sign(private_key, signed)
    return _sequence(signed, algorithm, _bits(_sequence(_integer(r), _integer(s))))


def _key(private_key: int) -> bytes:
    """SEC 1, appendix C.4."""
    return _sequence(
        _integer(1),
        _der(0x04, private_key.to_bytes(32, "big")),
        _der(0xA0, _oid(_CURVE)),
        _der(0xA1, _bits(public_key(private_key))),
    )


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return _sequence(_oid(oid), _der(0x01, b"\xff") if critical else b"", _der(0x04, value))


def _alternative(host: str) -> bytes:
    try:
        return _der(0x87, ip_address(host).packed)
    except ValueError:
        return _der(0x82, host.encode("idna"))


def _pem(what: str, der: bytes) -> str:
    return f"-----BEGIN {what}-----\n{encodebytes(der).decode()}-----END {what}-----\n"


# DER (X.690) ---------------------------------------------------------------------------------------------------------


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))  # the first bit is the sign


def _bits(content: bytes) -> bytes:
    return _der(0x03, b"\x00" + content)


def _time(moment: datetime) -> bytes:
    return _der(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    encoded = bytearray((40 * first + second,))
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | (number & 0x7F))
        encoded += bytes(reversed(groups))
    return _der(0x06, bytes(encoded))
