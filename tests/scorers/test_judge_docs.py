"""The examples of docs/judging.md are configurations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evalperf.config.jsonc import read_jsonc
from tests.scorers.samples import ADAPTER

PAGE = Path(__file__).resolve().parents[2] / "docs" / "judging.md"
EXAMPLES = re.findall(r"```jsonc\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_each_is_a_scorer(number: int) -> None:
    ADAPTER.validate_python(read_jsonc(EXAMPLES[number], PAGE.name).value)
