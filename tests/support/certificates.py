"""Certificates for servers that speak TLS."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Certificate", "self_signed"]


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1 and localhost that has signed itself."""

    path: Path
    server: ssl.SSLContext


def self_signed(folder: Path) -> Certificate | None:
    """Makes one; None where there is no openssl program."""
    if (openssl := shutil.which("openssl")) is None:
        return None
    key, path = folder / "key.pem", folder / "cert.pem"
    make = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subprocess.run([*make, *names, "-keyout", key, "-out", path], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path, key)
    return Certificate(path, context)
