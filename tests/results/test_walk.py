import random

import pytest

from evalperf.errors import DamageError
from evalperf.results.member import make_member, parse_header, unpack_keys
from evalperf.results.walk import Found, Gap, read_member, walk

MEMBERS = [make_member(random.Random(n).randbytes(300) + b"\n", [n * 10, n * 10 + 1], 1) for n in range(5)]
PART = b"".join(MEMBERS)


def pieces(data: bytes, *, bodies: bool = True) -> list[Found | Gap]:
    return list(walk(lambda size, offset: data[offset : offset + size], len(data), bodies=bodies))


def keys(found: list[Found | Gap]) -> list[int]:
    return [key for piece in found if isinstance(piece, Found) for key in unpack_keys(piece.header.packed_keys)]


def test_a_whole_part_has_no_gap() -> None:
    assert keys(pieces(PART)) == [0, 1, 10, 11, 20, 21, 30, 31, 40, 41]
    assert len(pieces(PART)) == 5


@pytest.mark.parametrize("bodies", [True, False])
def test_a_part_cut_at_any_byte_of_its_last_member_is_torn_there(bodies: bool) -> None:
    start = len(PART) - len(MEMBERS[-1])
    for end in range(start + 1, len(PART)):
        found = pieces(PART[:end], bodies=bodies)
        assert keys(found) == [0, 1, 10, 11, 20, 21, 30, 31], end
        assert isinstance(found[-1], Gap)
        assert (found[-1].kind, found[-1].offset, found[-1].end) == ("torn", start, end)


def test_zeros_at_the_end_are_torn() -> None:
    assert [piece.kind for piece in pieces(PART + bytes(5000)) if isinstance(piece, Gap)] == ["torn"]


def test_any_flipped_bit_costs_one_member_at_most() -> None:
    chance = random.Random(0)
    for _ in range(400):
        damaged = bytearray(PART)
        place = chance.randrange(len(PART))
        damaged[place] ^= 1 << chance.randrange(8)
        found = pieces(bytes(damaged))
        lost = [piece for piece in found if isinstance(piece, Gap)]
        assert len(keys(found)) >= 8, place
        if lost:
            assert [piece.kind for piece in lost] == ["damaged"] or lost[0].end == len(PART)
            assert lost[0].offset <= place < lost[0].end


def test_garbage_between_members_is_a_gap_of_its_own() -> None:
    found = pieces(MEMBERS[0] + b"garbage" * 30 + MEMBERS[1], bodies=False)
    assert keys(found) == [0, 1, 10, 11]
    assert [(piece.offset, piece.end) for piece in found if isinstance(piece, Gap)] == [
        (len(MEMBERS[0]), len(MEMBERS[0]) + 210)
    ]


@pytest.mark.parametrize("bodies", [True, False])
def test_a_member_that_is_cut_does_not_end_the_gap_before_it(bodies: bool) -> None:
    (gap,) = pieces(b"garbage" + MEMBERS[0][:-5], bodies=bodies)
    assert isinstance(gap, Gap)
    assert (gap.kind, gap.offset, gap.end) == ("damaged", 0, 7 + len(MEMBERS[0]) - 5)


def test_a_damaged_member_and_garbage_behind_it_are_two_gaps() -> None:
    """So that what is said of the rows that were lost is said of the member alone."""
    broken = bytearray(MEMBERS[0])
    broken[-10] ^= 255
    found = pieces(bytes(broken) + b"garbage" + MEMBERS[1])
    assert keys(found) == [10, 11]
    gaps = [piece for piece in found if isinstance(piece, Gap)]
    end = len(MEMBERS[0])
    assert [(gap.offset, gap.end, gap.header is not None) for gap in gaps] == [(0, end, True), (end, end + 7, False)]


def test_a_damaged_body_still_says_what_was_in_it() -> None:
    damaged = bytearray(PART)
    damaged[len(MEMBERS[0]) - 20] ^= 255
    gap = pieces(bytes(damaged))[0]
    assert isinstance(gap, Gap)
    assert gap.header is not None
    assert gap.header.keys() == [0, 1]


@pytest.mark.parametrize("bodies", [True, False])
def test_a_member_that_has_lost_bytes_costs_no_other(bodies: bool) -> None:
    """Its header still tells its old length, which reaches into the next one."""
    for place in range(len(MEMBERS[0]) + 40, len(MEMBERS[0] + MEMBERS[1])):
        shortened = PART[:place] + PART[place + 1 :]
        assert keys(pieces(shortened, bodies=bodies)) == [0, 1, 20, 21, 30, 31, 40, 41], place


@pytest.mark.parametrize("block_bytes", [11, 16, 64])
def test_what_is_searched_in_blocks_is_found_across_their_ends(
    monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr("evalperf.results.walk.BLOCK_BYTES", block_bytes)
    for size in range(1, 70):
        found = pieces(MEMBERS[0] + b"x" * size + MEMBERS[1] + bytes(size))
        assert keys(found) == [0, 1, 10, 11]
        assert [(piece.end - piece.offset, piece.kind) for piece in found if isinstance(piece, Gap)] == [
            (size, "damaged"),
            (size, "torn"),
        ]


def test_a_damaged_header_with_nothing_behind_it_is_damage() -> None:
    whole = parse_header(MEMBERS[1])
    assert whole is not None
    header = bytearray(MEMBERS[1][: whole.body_offset])
    assert [piece.kind for piece in pieces(MEMBERS[0] + header) if isinstance(piece, Gap)] == ["torn"]
    header[-1] ^= 1
    assert [piece.kind for piece in pieces(MEMBERS[0] + header) if isinstance(piece, Gap)] == ["damaged"]


def test_zeros_with_anything_behind_them_are_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalperf.results.walk.BLOCK_BYTES", 16)
    found = pieces(MEMBERS[0] + bytes(1000) + b"x")
    assert [piece.kind for piece in found if isinstance(piece, Gap)] == ["damaged"]


def test_a_header_longer_than_the_first_read_is_read_whole() -> None:
    far_apart = [number << 18 for number in range(400)]
    found = pieces(MEMBERS[0] + make_member(b"rows", far_apart, 1))
    assert keys(found) == [0, 1, *far_apart]


def test_members_of_which_only_the_header_is_sound_are_passed_over_when_bodies_count() -> None:
    """Behind a gap, too: the search goes on to the next whole one."""
    broken = bytearray(MEMBERS[1])
    broken[-10] ^= 255
    found = pieces(b"garbage" + bytes(broken) + MEMBERS[2])
    assert keys(found) == [20, 21]
    assert [(piece.offset, piece.end) for piece in found if isinstance(piece, Gap)] == [(0, 7 + len(broken))]


def test_a_member_that_was_cut_after_it_was_found_is_damaged() -> None:
    found = pieces(MEMBERS[0])[0]
    assert isinstance(found, Found)
    for end in (0, 20, len(MEMBERS[0]) - 1):
        data = MEMBERS[0][:end]
        with pytest.raises(DamageError, match="ends early"):
            read_member(lambda size, offset, data=data: data[offset : offset + size], found)
