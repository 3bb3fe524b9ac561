"""Secrets leave no trace in what is shown or stored."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "MIN_SECRET_CHARS", "Redactor"]

MASK = "***"

MIN_SECRET_CHARS = 5
"""Shorter values are left alone: no credential is that short, and masking every "1" or "json" ruins a message."""


class Redactor:
    """Replaces secrets in any text, also where they stand percent-encoded, as base64 or with JSON's escapes.

    Exact values only: a secret that was cut in two or changed in another way is not found.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """The text with every secret masked."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)


def _forms(secret: str) -> Iterator[str]:
    secret = secret.strip()
    if len(secret) < MIN_SECRET_CHARS:
        return
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield from _base64_forms(secret.encode(errors="surrogatepass"))


def _base64_forms(secret: bytes) -> Iterator[str]:
    """What the secret leaves in a base64 text, at each of the three places it may begin in a group of three bytes."""
    for before in range(3):
        first = -(-before * 8 // 6)
        whole = (before + len(secret)) * 8 // 6
        encoded = base64.b64encode(bytes(before) + secret).decode()[first:whole]
        if len(encoded) >= MIN_SECRET_CHARS:
            yield encoded
            yield encoded.replace("+", "-").replace("/", "_")
