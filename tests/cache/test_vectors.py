"""The vector index against brute force."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf.cache.vectors import Neighbour, VectorIndex
from evalperf.errors import ConfigError

G = b"group"


def index(**bounds: object) -> VectorIndex:
    return VectorIndex(**{"max_entries": 100_000, "max_bytes": 10**9, **bounds})  # type: ignore[arg-type]


def filled(*entries: tuple[bytes, Sequence[float]], **bounds: object) -> VectorIndex:
    found = index(**bounds)
    found.add_many(G, entries)
    return found


def keys(found: list[list[Neighbour]]) -> list[list[bytes]]:
    return [[one.key for one in near] for near in found]


def test_the_nearest_comes_first_with_its_cosine() -> None:
    vectors = filled((b"x", (2, 0)), (b"y", (0, 1)), (b"xy", (1, 1)))
    ((first, second),) = vectors.search_many(G, [(5, 1)], k=2)
    assert (first.key, second.key) == (b"x", b"xy")
    assert first.similarity == pytest.approx(5 / math.sqrt(26), abs=1e-7)


def test_equal_vectors_have_similarity_one_exactly_and_the_threshold_is_inclusive() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        vector = rng.standard_normal(37).astype(np.float32)
        assert filled((b"a", vector)).search_many(G, [vector], threshold=1.0) == [[Neighbour(b"a", 1.0)]]


def test_below_the_threshold_nothing_is_found() -> None:
    vectors = filled((b"a", (1, 1)))
    similarity = vectors.search_many(G, [(1, 0)])[0][0].similarity
    assert keys(vectors.search_many(G, [(1, 0)], threshold=similarity)) == [[b"a"]]
    assert keys(vectors.search_many(G, [(1, 0)], threshold=math.nextafter(similarity, 2))) == [[]]


def test_of_equal_ones_the_oldest_wins_also_after_others_have_gone() -> None:
    vectors = filled((b"gone", (9, 9)), *((b"%d" % n, (1, 0)) for n in range(100)), max_entries=100)
    assert keys(vectors.search_many(G, [(1, 0)], k=3)) == [[b"0", b"1", b"2"]]


def test_groups_never_mix() -> None:
    vectors = filled((b"a", (1, 0)))
    vectors.add_many(b"other", [(b"b", (1, 0))])
    assert keys(vectors.search_many(G, [(1, 0)], k=5)) == [[b"a"]]
    assert vectors.search_many(b"third", [(1, 0)]) == [[]]


def test_vectors_of_another_length_are_not_compared() -> None:
    vectors = filled((b"a", (1, 0)))
    vectors.add_many(G, [(b"b", (1, 0, 0))])
    assert keys(vectors.search_many(G, [(1, 0, 0)], k=5)) == [[b"b"]]


def test_a_key_that_comes_again_has_its_new_vector() -> None:
    vectors = filled((b"a", (1, 0)), (b"b", (0, 1)))
    vectors.add_many(G, [(b"a", (0, 1))])
    assert len(vectors) == 2
    assert keys(vectors.search_many(G, [(0, 1)], k=2)) == [[b"a", b"b"]]


def test_zeros_have_no_direction() -> None:
    vectors = index()
    assert vectors.add_many(G, [(b"zero", (0, 0)), (b"a", (1, 0))]) == [b"zero"]
    assert keys(vectors.search_many(G, [(0, 0), (1, 0)], k=5)) == [[], [b"a"]]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        filled((b"a", (1, bad)))


def test_the_least_recently_found_makes_room() -> None:
    vectors = filled((b"a", (1, 0)), (b"b", (0, 1)), max_entries=2)
    vectors.search_many(G, [(1, 0)])
    assert vectors.add_many(G, [(b"c", (1, 1))]) == [b"b"]
    assert (len(vectors), vectors.evicted) == (2, 1)


def test_or_the_oldest() -> None:
    vectors = filled((b"a", (1, 0)), (b"b", (0, 1)), max_entries=2, eviction="oldest")
    vectors.search_many(G, [(1, 0)])
    assert vectors.add_many(G, [(b"c", (1, 1))]) == [b"a"]


def test_the_bytes_are_bounded_and_told() -> None:
    vectors = index(max_bytes=100_000)
    for n in range(1000):
        vectors.add_many(G, [(b"%d" % n, (float(n), 1.0) + (0.5,) * 62)])
        assert vectors.size_bytes <= 100_000
    assert len(vectors) == vectors.size_bytes // (64 * 4 + 400 + 3)


def test_what_is_kept_beside_an_entry_counts_too() -> None:
    vectors = index(max_bytes=10_000)
    assert vectors.add_many(G, [(b"a", (1, 0)), (b"b", (0, 1))], extra_bytes=[6_000, 6_000]) == [b"a"]


def test_arrays_and_lists_are_the_same() -> None:
    vectors = filled((b"a", array("f", [1, 0])), (b"b", [0, 1]))
    assert keys(vectors.search_many(G, [array("f", [0, 1])])) == [[b"b"]]


small = st.lists(st.integers(-2, 2), min_size=3, max_size=3)
actions = st.lists(st.tuples(st.integers(0, 8), small), min_size=1, max_size=40)


@given(actions, st.lists(small, min_size=1, max_size=4), st.integers(1, 5), st.sampled_from([-1.0, 0.0, 0.5, 1.0]))
@settings(deadline=None)
def test_it_finds_what_brute_force_finds(
    added: list[tuple[int, list[int]]], queries: list[list[int]], k: int, threshold: float
) -> None:
    vectors = index(max_entries=6, eviction="oldest")
    kept: dict[bytes, list[int]] = {}
    for number, vector in added:
        key = b"%d" % number
        vectors.add_many(G, [(key, vector)])
        if any(vector):
            kept[key] = vector
            if len(kept) > 6:
                del kept[next(iter(kept))]
        else:
            kept.pop(key, None)
    for query, near in zip(queries, vectors.search_many(G, queries, k, threshold), strict=True):
        similarities = {key: cosine(query, vector) for key, vector in kept.items()} if any(query) else {}
        expected = sorted((-round(s, 6), age) for age, s in enumerate(similarities.values()) if s >= threshold - 1e-9)
        order = list(similarities)
        assert [one.key for one in near] == [order[age] for _, age in expected[:k]]


def cosine(one: list[int], other: list[int]) -> float:
    a, b = np.array(one, dtype=np.float32), np.array(other, dtype=np.float32)
    a, b = ((x / np.linalg.norm(x)).astype(np.float32).astype(np.float64) for x in (a, b))
    return float(np.clip((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()), -1, 1))


def test_a_search_over_several_blocks_finds_what_a_sort_finds() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.standard_normal((9_000, 16)).astype(np.float32)
    vectors = index()
    vectors.add_many(G, [(b"%d" % n, row) for n, row in enumerate(matrix)])
    queries = rng.standard_normal((5, 16)).astype(np.float32)
    units = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    expected = [[b"%d" % n for n in np.argsort(-(units @ query))[:7]] for query in queries]
    assert keys(vectors.search_many(G, list(queries), k=7)) == expected


def test_without_numpy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ConfigError, match="needs numpy") as caught:
        index()
    assert caught.value.hint == 'pip install "evalperf[semantic]"'
