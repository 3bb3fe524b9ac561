"""Whose certificates are believed."""

from __future__ import annotations

import ssl
from pathlib import Path

from evalperf.errors import ConfigError

__all__ = ["tls_context"]


def tls_context(*, verify: bool = True, ca_file: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or later for HTTP/1.1; `ca_file` is trusted beside the system's certificates.

    Takes some 20 ms. Raises ConfigError for a file that is missing or holds no certificates.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        _trust(context, ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trust(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigError(
            f"{ca_file}: found no certificate in PEM form ({(error.reason or 'unreadable').replace('_', ' ').lower()})",
            hint='"ca_file" names a text file with -----BEGIN CERTIFICATE----- in it',
        ) from None
    except OSError as error:
        raise ConfigError(f"{ca_file}: {error.strerror or error}", hint='check "ca_file" of the endpoint') from None
