"""Redaction: a secret is found in every form in which logs show it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf.config.redact import MASK, MIN_SECRET_CHARS, Redactor

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=8, max_size=40)


@settings(deadline=None)
@given(SECRETS, st.text(max_size=5), st.text(max_size=5))
def test_every_usual_form_is_masked(secret: str, before: str, after: str) -> None:
    redact = Redactor([secret])
    for form in (secret, json.dumps(secret), repr(secret), quote(secret, safe=""), urlencode({"k": secret})):
        shown = redact(f"{before}{form}{after}")
        assert MASK in shown
        assert secret not in shown
        assert quote(secret, safe="") not in shown


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=8, max_size=40), st.integers(0, 5))
def test_base64_is_masked_wherever_the_secret_begins(secret: str, before: int) -> None:
    """As in an Authorization header made of user and password; the few bits at its ends remain."""
    encoded = base64.b64encode(b"u" * before + secret.encode()).decode()
    shown = Redactor([secret])(encoded)
    assert MASK in shown
    assert len(shown.replace(MASK, "")) <= len(encoded) - len(secret)


def test_a_secret_with_blanks_is_masked_in_both_ways_of_writing_them() -> None:
    assert Redactor(["open sesame/1"])("open%20sesame%2F1 open%20sesame/1 open+sesame%2F1") == f"{MASK} {MASK} {MASK}"


def test_the_longest_secret_wins() -> None:
    assert Redactor(["secret-1", "secret-1-more"])("x secret-1-more y secret-1") == f"x {MASK} y {MASK}"


def test_a_secret_read_with_its_newline_is_found_without_it() -> None:
    assert Redactor(["secret-1\n"])("key secret-1.") == f"key {MASK}."


@pytest.mark.parametrize("secrets", [(), ("",), ("x" * (MIN_SECRET_CHARS - 1),)])
def test_nothing_to_hide_changes_nothing(secrets: tuple[str, ...]) -> None:
    assert Redactor(secrets)("x" * 20) == "x" * 20
