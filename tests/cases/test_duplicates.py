"""Ids seen before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.cases import duplicates
from evalperf.cases.duplicates import SeenIds


@pytest.fixture
def seen() -> Iterator[SeenIds]:
    ids = SeenIds()
    yield ids
    ids.close()


@given(st.lists(st.text(alphabet="ab", max_size=4)))
def test_it_answers_as_a_dictionary_would(ids: list[str]) -> None:
    seen, model = SeenIds(), dict[str, int]()
    for seq, id_ in enumerate(ids, start=1):
        assert seen.find(id_) == model.get(id_)
        assert seen.add(id_, seq) == model.get(id_)
        model.setdefault(id_, seq)
    seen.close()


@given(st.lists(st.text(alphabet="ab", max_size=4)), st.integers(1, 9))
def test_many_at_once_are_added_as_one_after_the_other_would_be(ids: list[str], run_ids: int) -> None:
    """Up to the first that is known, with the record that has it; runs on disk begin anywhere between them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_RUN_IDS", run_ids)
        patch.setattr(duplicates, "_FIRST_WORDS", 8)
        seen, model = SeenIds(), dict[str, int]()
        at = 0
        while at < len(ids):
            new, first = seen.add_all(ids[at:], at + 1)
            for id_ in ids[at : at + new]:
                assert id_ not in model
                at += 1
                model[id_] = at
            assert first == (model[ids[at]] if at < len(ids) else None)
            at += 1
        assert [seen.find(id_) for id_ in ids] == [model[id_] for id_ in ids]
        seen.close()


def test_it_is_exact_across_runs_on_disk_and_grown_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small runs and filters, so that a few thousand ids go through all of them."""
    monkeypatch.setattr(duplicates, "_RUN_IDS", 500)
    monkeypatch.setattr(duplicates, "_FIRST_WORDS", 512)
    seen = SeenIds()
    for seq in range(20_000):
        assert seen.add(f"case-{seq}", seq) is None
    assert len(seen._runs) == 40
    assert len(seen._older) >= 3
    for seq in range(0, 20_000, 7):
        assert seen.add(f"case-{seq}", 99) == seq
    assert seen.find("case-20000") is None
    seen.close()


def test_memory_is_bounded_by_filter_and_one_run(seen: SeenIds) -> None:
    for seq in range(200_000):
        seen.add(f"case-{seq}", seq)
    assert sum(len(held) for held in seen._fresh if held is not None) <= duplicates._RUN_IDS * 24
    assert len(seen._words) * 8 == 4 << 20
