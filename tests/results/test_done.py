import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalperf.results.done import Bitmap, key_of

KEYS = st.sets(st.integers(0, 5000))


def test_every_line_and_epoch_has_a_key_of_its_own() -> None:
    keys = [key_of(seq, epoch, 3) for seq in range(1, 5) for epoch in range(1, 4)]
    assert keys == list(range(12))


@given(KEYS)
@example(set())
def test_bitmap_is_a_set(keys: set[int]) -> None:
    bitmap = Bitmap()
    assert bitmap.update(keys) == 0
    assert bitmap.update(keys) == len(keys)
    assert len(bitmap) == len(keys)
    assert {key for key in range(5100) if key in bitmap} == keys


@given(KEYS, KEYS)
def test_union_and_difference_are_those_of_sets(one: set[int], other: set[int]) -> None:
    a, b = Bitmap(), Bitmap(100)
    a.update(one)
    b.update(other)
    both = a.union(b)
    assert {key for key in range(5100) if key in both} == one | other
    assert len(both) == len(one | other)
    assert a.count_beyond(b) == len(one - other)


@given(st.sets(st.integers(0, 80)), st.integers(0, 100), st.integers(0, 100))
def test_the_first_missing_key_is_the_first_that_is_not_there(keys: set[int], start: int, length: int) -> None:
    """Also beyond the last byte, and in sets of which nearly all is there."""
    for chosen in (keys, set(range(81)) - keys):
        bitmap = Bitmap()
        bitmap.update(chosen)
        every = range(start, start + length)
        assert bitmap.first_missing(start, start + length) == next((k for k in every if k not in chosen), every.stop)


def test_a_copy_grows_alone() -> None:
    first = Bitmap()
    first.add(3)
    second = first.copy()
    second.add(4)
    assert 4 not in first
    assert 3 in second
    assert (len(first), len(second)) == (1, 2)


def test_a_key_takes_a_bit_and_growing_at_most_twice_that() -> None:
    assert len(Bitmap(10_000_000)._bits) == 1_250_000
    far, grown = Bitmap(), Bitmap()
    far.add(10_000_000)
    assert len(far._bits) == len(far.copy()._bits) == 1_250_001
    for key in range(100_000):
        grown.add(key)
    assert len(grown._bits) <= 25_000


@pytest.mark.parametrize("start", [0, 1, 13])
def test_the_first_missing_key_is_not_looked_for_one_by_one(start: int) -> None:
    """A resume of a million finished cases passes over them by this."""

    class Counting(Bitmap):
        lookups = 0

        def __contains__(self, key: int) -> bool:
            self.lookups += 1
            return super().__contains__(key)

    bitmap = Counting()
    bitmap.update(range(10_003))
    assert bitmap.first_missing(start, 20_000) == 10_003
    assert bitmap.first_missing(start, 10_000) == 10_000
    assert bitmap.lookups <= 30
