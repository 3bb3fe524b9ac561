"""Public data sets, read in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalperf.cases import read_batches, survey
from evalperf.config.model import CasesConfig

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

FILES = [
    ("gsm8k/cases.jsonl", {}, 1319, 1319, 0),
    ("bbh/cases.jsonl", {}, 2146, 2146, 0),
    ("mmlu_pro/cases.jsonl.gz", {"choices": "options"}, 12032, 12032, 0),
    ("needle/cases.jsonl", {"target": "expected_contains"}, 1376, 1376, 1376),
    ("ifeval_checks/checks-gpt-4o-mini-2024-07-18.jsonl", {}, 452, 0, 452),
    ("ifeval_checks/checks-Qwen__Qwen2.5-0.5B-Instruct-GPTQ-Int4.jsonl", {}, 452, 0, 452),
]


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not here")
@pytest.mark.parametrize(("path", "fields", "count", "targets", "outputs"), FILES)
async def test_a_data_set_is_read_whole(
    path: str, fields: dict[str, str], count: int, targets: int, outputs: int
) -> None:
    config = CasesConfig(path=path, fields=fields)  # type: ignore[arg-type]
    cases = [case async for batch in read_batches(config, DATA, max_cases=20, max_bytes=1 << 20) for case in batch]
    assert [case.seq for case in cases] == list(range(1, count + 1))
    assert len({case.id for case in cases}) == count
    assert sum(case.target is not None for case in cases) == targets
    assert sum(case.output is not None for case in cases) == outputs
    assert (await survey(config, DATA)).total == count
    if "choices" in fields:
        assert all(case.choices for case in cases)
