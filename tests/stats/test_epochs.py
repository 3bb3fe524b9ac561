"""Open cases are kept small, in any order, and merge."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.records import Score
from evalperf.stats.epochs import OpenCases
from evalperf.stats.exact import SCALE

values = st.one_of(st.none(), st.just(float("nan")), st.sampled_from([0.0, 1.0]), st.floats(-1e9, 1e9))
epochs = st.lists(st.tuples(values, st.booleans()), min_size=1, max_size=5)


def score(value):
    return Score(value=value, passed=None if value is None else value == 1.0)


@given(epochs, st.integers(0, 5))
def test_a_case_closes_with_its_last_epoch_and_all_its_counts(rows, split):
    left, right = OpenCases(len(rows)), OpenCases(len(rows))
    closed = [
        (left if at < split else right).add(7, {"s": score(value)}, failed=failed, cluster="c")
        for at, (value, failed) in enumerate(rows)
    ]
    closed += left.merge(right)
    [case] = [case for case in closed if case is not None]
    known = [(value, failed) for value, failed in rows if value is not None and value == value]
    found = case.scores["s"]
    assert (case.epochs, case.failed, case.cluster) == (len(rows), sum(failed for _, failed in rows), "c")
    assert (found.answers, found.judged, found.passed) == (
        len(known),
        len(known),
        sum(value == 1.0 for value, _ in known),
    )
    assert found.failed_scored == sum(failed for _, failed in known)
    assert Fraction(found.total) / SCALE == sum((Fraction(value) for value, _ in known), Fraction(0))
    assert len(left) == 0


def test_a_slot_is_empty_for_the_next_case():
    cases = OpenCases(2)
    for seq in range(1, 4):
        cases.add(seq, {"s": score(0.25)}, failed=True, cluster="x")
        case = cases.add(seq, {}, failed=False, cluster="x")
        assert (case.scores["s"].total, case.failed) == (SCALE // 4, 1)
    assert len(cases._seen) == 1


def test_a_copy_lives_on_its_own():
    cases = OpenCases(2)
    cases.add(1, {"s": score(0.5)}, failed=False, cluster=None)
    twin = cases.copy()
    assert [case.scores["s"].answers for case in twin.close_all()] == [1]
    assert (len(cases), len(twin)) == (1, 0)
    assert cases.add(1, {"s": score(0.5)}, failed=False, cluster=None).scores["s"].total == SCALE


def test_a_part_is_known_to_lack_epochs():
    whole, part = OpenCases(3), OpenCases(3)
    for cases in (whole, part):
        cases.add(1, {}, failed=False, cluster=None)
    assert part.as_far_as(whole)
    whole.add(1, {}, failed=False, cluster=None)
    assert not part.as_far_as(whole)
    whole.add(1, {}, failed=False, cluster=None)
    assert not part.as_far_as(whole), "the case is whole there, and open here"


@pytest.mark.parametrize("value", [1.0, 0.37])
def test_an_open_case_takes_a_few_hundred_bytes(value):
    """Even if all first epochs come before all second ones."""
    scores = {name: score(value) for name in ("a", "b", "c")}
    tracemalloc.start()
    try:
        cases = OpenCases(2)
        for seq in range(1, 20_001):
            cases.add(seq, scores, failed=False, cluster=None)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / 20_000 < (200 if value == 1.0 else 500)
