"""Calls to the operating system that fail below Python: a few lives; `below_python.py` runs hundreds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.below_python import KINDS, can_fail, suffer


@pytest.mark.skipif(not can_fail(), reason="needs libfiu (fiu-run)")
@pytest.mark.parametrize("lives", [4, pytest.param(10 * len(KINDS), marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_whatever_call_fails_nothing_is_lost_and_nothing_is_there_twice(tmp_path: Path, lives: int) -> None:
    """Each life ends by itself, with 0 or with 3 and one error; a later one ends the run."""
    toll = suffer(tmp_path, lives, seed=lives)
    assert toll.lives == lives
    print(toll)
