"""Edit distance and longest common subsequence, against the tables of the textbook."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.scorers.alignment import edit_distance, lcs_indices, lcs_length
from evalperf.scorers.time_limit import TimeLimit

TEXTS = st.text(alphabet="abcdé😀", max_size=40)


def table(one, other, step):
    rows = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            rows[i][j] = step(rows, i, j)
    return rows


def edit_table(one, other):
    def step(rows, i, j):
        if not i or not j:
            return i + j
        return min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (one[i - 1] != other[j - 1]))

    return table(one, other, step)


def lcs_table(one, other):
    def step(rows, i, j):
        if not i or not j:
            return 0
        if one[i - 1] == other[j - 1]:
            return rows[i - 1][j - 1] + 1
        return max(rows[i - 1][j], rows[i][j - 1])

    return table(one, other, step)


@given(TEXTS, TEXTS)
def test_edit_distance_is_that_of_the_table(one, other):
    assert edit_distance(one, other) == edit_table(one, other)[-1][-1]


@given(TEXTS, TEXTS)
def test_lcs_length_is_that_of_the_table(one, other):
    assert lcs_length(one, other) == lcs_table(one, other)[-1][-1]


@given(TEXTS, TEXTS)
def test_lcs_indices_are_those_that_the_table_gives(one, other):
    rows, i, j, found = lcs_table(one, other), len(one), len(other), set()
    while i and j:
        if one[i - 1] == other[j - 1]:
            i, j = i - 1, j - 1
            found.add(i)
        elif rows[i][j - 1] > rows[i - 1][j]:
            j -= 1
        else:
            i -= 1
    assert lcs_indices(one, other) == found


@pytest.mark.parametrize("function", [edit_distance, lcs_length, lcs_indices])
async def test_they_keep_the_time_limit(function):
    over = TimeLimit(asyncio.get_running_loop().time, 0.0, lambda: 1, concurrent=False)
    with pytest.raises(TimeoutError):
        function("a" * 10_000, "b" * 10_000, over)
