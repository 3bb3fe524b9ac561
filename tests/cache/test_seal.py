from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.cache.backend import Provenance, Row
from evalperf.cache.seal import COMPRESS_FROM_BYTES, seal, unseal

KEY = b"k" * 16
times = st.floats(0, 1e11)
provenances = st.builds(
    Provenance,
    case_id=st.none() | st.text(max_size=20),
    model=st.none() | st.text(max_size=20),
    cost_usd=st.none() | st.floats(0, 1e6),
)


def row(value: bytes, **more: object) -> Row:
    return Row(**{"key": KEY, "value": value, "created_s": 1000.0, "expires_s": 2000.0, **more})  # type: ignore[arg-type]


@given(st.binary(max_size=5_000), times, st.none() | times, provenances, st.booleans())
def test_what_was_sealed_comes_back(
    value: bytes, created_s: float, expires_s: float | None, provenance: Provenance, compress: bool
) -> None:
    one = Row(key=KEY, value=value, created_s=created_s, expires_s=expires_s, provenance=provenance)
    assert unseal(KEY, seal(one, compress=compress)) == one


@given(st.binary(max_size=2_000), st.data())
def test_any_changed_byte_is_seen(value: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(row(value, provenance=Provenance("case", "model", 0.5)), compress=True))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    assert unseal(KEY, bytes(sealed)) is None


@given(st.binary(max_size=200), st.data())
def test_a_torn_value_is_seen(value: bytes, data: st.DataObject) -> None:
    sealed = seal(row(value), compress=True)
    assert unseal(KEY, sealed[: data.draw(st.integers(0, len(sealed) - 1))]) is None


def test_a_value_under_another_key_is_seen() -> None:
    assert unseal(b"j" * 16, seal(row(b"value"), compress=True)) is None


@pytest.mark.parametrize("foreign", [b"", b"x", b"another program's value, which is long enough to hold a header"])
def test_what_was_never_sealed_is_no_value(foreign: bytes) -> None:
    assert unseal(KEY, foreign) is None


def test_text_is_compressed_where_that_pays() -> None:
    text = b"the quick brown fox " * 100
    assert len(seal(row(text), compress=True)) < len(text) / 4
    assert len(seal(row(text), compress=False)) > len(text)


def test_what_does_not_shrink_or_is_short_stays_plain() -> None:
    noise = b"".join(zlib.crc32(b"%d" % number).to_bytes(4, "big") for number in range(1_000))
    short = b"a" * (COMPRESS_FROM_BYTES - 1)
    assert noise in seal(row(noise), compress=True)
    assert short in seal(row(short), compress=True)
