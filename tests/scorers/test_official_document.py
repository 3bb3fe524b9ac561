"""The table of docs/scorers.md is what the scorers say, and what others have published."""

from __future__ import annotations

import pytest

from tests.scorers.official import QUICK, SLOW, computed, written
from tests.scorers.official_numbers import DATA

pytestmark = [pytest.mark.data, pytest.mark.skipif(not DATA.exists(), reason="the recorded data sets are not here")]


@pytest.mark.parametrize("part", QUICK, ids=lambda part: part.__name__)
async def test_the_numbers_agree_and_stand_in_the_document(part):
    await check(part)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", SLOW, ids=lambda part: part.__name__)
async def test_the_slow_numbers_agree_and_stand_in_the_document(part):
    await check(part)


async def check(part):
    if "bleu" in part.__name__ or part.__name__ == "xsum":
        pytest.importorskip("sacrebleu")
    found = await computed([part])
    assert [row.cells() for row in found if not row.agrees] == []
    lines = written()
    assert [row.cells() for row in found if row.cells() not in lines] == []
