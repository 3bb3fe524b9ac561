"""LLMBar: the winners that its authors read from 1,590 recorded replies, through the public scorer."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalperf.stats.agreement import cohens_kappa
from tests.scorers.official_judged import FOLDER, counted, expected_numbers, group_of, replies, winners

pytestmark = [pytest.mark.data, pytest.mark.skipif(not FOLDER.exists(), reason="the data is not here")]


async def test_every_winner_of_llmbar_is_read_as_its_authors_read_it(tmp_path: Path) -> None:
    found = await winners(tmp_path)
    rows = replies()
    assert len(found) == len(rows) == 795
    for row in rows:
        official = (row["original"]["official_winner"], row["swapped"]["official_winner"])
        assert found[row["evaluator"], row["id"]] == official


async def test_the_official_counts_of_llmbar_follow(tmp_path: Path) -> None:
    found = await winners(tmp_path)
    labels = {row["id"]: row["label"] for row in replies()}
    for numbers in expected_numbers():
        prefix, evaluator = group_of(numbers["id"])
        pairs = [
            (labels[case_id], *orders)
            for (by, case_id), orders in found.items()
            if by == evaluator and case_id.startswith(prefix)
        ]
        assert counted(pairs) == {name: numbers[name] for name in counted(pairs)}
        # scikit-learn took a reply without a winner for a third label
        swapped = cohens_kappa([(one, two) for _, one, two in pairs])
        assert swapped == pytest.approx(numbers["cohen_kappa_original_vs_swapped_sklearn"], rel=1e-9, abs=1e-12)
        labelled = cohens_kappa([(one, label) for label, one, _ in pairs])
        assert labelled == pytest.approx(numbers["cohen_kappa_original_vs_label_sklearn"], rel=1e-9, abs=1e-12)
