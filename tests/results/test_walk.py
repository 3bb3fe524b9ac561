import random

import pytest

from evalperf.results.member import make_member, unpack_keys
from evalperf.results.walk import Found, Gap, walk

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


def test_a_damaged_body_still_says_what_was_in_it() -> None:
    damaged = bytearray(PART)
    damaged[len(MEMBERS[0]) - 20] ^= 255
    gap = pieces(bytes(damaged))[0]
    assert isinstance(gap, Gap)
    assert gap.header is not None
    assert gap.header.keys() == [0, 1]
