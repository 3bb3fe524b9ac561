import contextlib
import gzip
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.errors import DamageError
from evalperf.results import member
from evalperf.results.done import MOST_KEYS
from evalperf.results.member import (
    FIXED_BYTES,
    MAGIC,
    MAX_ROWS,
    header_size,
    make_member,
    pack_keys,
    parse_header,
    unpack_keys,
    unpack_rows,
)

KEYS = st.sets(st.integers(0, MOST_KEYS - 1), min_size=1, max_size=300).map(sorted)


@given(KEYS)
def test_keys_round_trip(keys: list[int]) -> None:
    assert unpack_keys(pack_keys(keys)) == keys


def test_neighbouring_keys_take_a_byte_each() -> None:
    assert len(pack_keys(range(1, 257))) == 256
    assert (pack_keys([127]), pack_keys([128])) == (b"\x7f", b"\x80\x01")


@given(st.binary(max_size=3000), KEYS, st.integers(0, 3))
def test_rows_round_trip(rows: bytes, keys: list[int], level: int) -> None:
    data = make_member(rows, keys, level)
    header = parse_header(data)
    assert header is not None
    assert header.size_bytes == len(data)
    assert header.rows == len(keys)
    assert header.keys() == keys
    assert unpack_rows(data, header) == rows
    assert gzip.decompress(data) == rows


@given(st.integers(0, 500), st.integers(1, 255))
def test_a_changed_byte_never_gives_other_rows(place: int, change: int) -> None:
    """The deflate stream has bits without meaning, so damage may also leave the rows as they were."""
    rows = b'{"a": 1}\n' * 40
    damaged = bytearray(make_member(rows, list(range(40)), 1))
    damaged[place % len(damaged)] ^= change
    header = parse_header(bytes(damaged))
    if header is None or header.size_bytes != len(damaged):
        return
    with contextlib.suppress(DamageError):
        assert unpack_rows(bytes(damaged), header) == rows


def test_the_header_covers_the_keys() -> None:
    data = bytearray(make_member(b"x\n", [1, 2, 3], 1))
    data[31] ^= 1
    assert parse_header(bytes(data)) is None


def test_the_first_twelve_bytes_tell_the_size_of_a_header() -> None:
    data = make_member(b"x\n", [1, 2, 3], 1)
    assert header_size(data[:12]) == FIXED_BYTES + 3
    assert header_size(data[:11]) is None


def test_the_extra_field_is_one_subfield_as_readers_of_gzip_want_it() -> None:
    data = make_member(b"x\n", [1, 2, 3], 1)
    extra, name, size = struct.unpack_from("<H2sH", data, 10)
    assert (name, size) == (b"EP", extra - 4)
    assert struct.unpack_from("<BBII", data, 16) == (1, 0, len(data), 3)
    assert zlib.decompress(data[12 + extra : -8], -15) == b"x\n"


@pytest.mark.parametrize("missing", [1, 8, 9])
def test_a_header_whose_member_has_no_room_for_its_end_is_none(missing: int) -> None:
    extra = 4 + 14 + 1
    fields = struct.pack("<BBII", 1, 0, 12 + extra + 8 - missing, 1)
    start = MAGIC + struct.pack("<H2sH", extra, b"EP", extra - 4)
    header = start + fields + struct.pack("<I", zlib.crc32(b"\5", zlib.crc32(fields))) + b"\5"
    assert len(header) == FIXED_BYTES + 1
    assert parse_header(header + bytes(20)) is None


def test_the_most_rows_fit_into_a_header_even_far_apart() -> None:
    keys = [number << 15 for number in range(MAX_ROWS)]
    header = parse_header(make_member(b"", keys, 1))
    assert header is not None
    assert header.keys() == keys


def test_the_standard_library_takes_over_where_isal_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "_fast", None)
    data = make_member(b"rows\n", [7], 0)
    header = parse_header(data)
    assert header is not None
    assert unpack_rows(data, header) == b"rows\n"
    assert zlib.decompress(data, 31) == b"rows\n"
    assert len(make_member(b"x" * 10_000, [7], 0)) < 1000
