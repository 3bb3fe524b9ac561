"""JSON against the public test suites of its standards."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.scorers.samples import make_case, make_response

pytestmark = pytest.mark.data

PATTERNS_OF_ANOTHER_DIALECT = ["patternProperties/5/0", "patternProperties/5/1"]
"""They use \\p{Letter}, which Python's `re` does not know."""


@pytest.mark.parametrize("schema_stands_in", ["configuration", "target"])
async def test_json_schema_suite(data_rows, judge, schema_stands_in):
    r"""409 valid and 190 invalid, two of which (a pattern with \p) end without a value, as with the reference."""
    outcome: Counter[tuple[bool, bool | None]] = Counter()
    without_value = []
    for row in data_rows("json_schema/cases.jsonl"):
        config = {"type": "json_schema"}
        target = json.dumps(row["schema"])
        if schema_stands_in == "configuration":
            config["schema"], target = row["schema"], None
        score = await judge(config, json.dumps(row["instance"]), target)
        outcome[row["valid"], score.passed] += 1
        if score.value is None:
            without_value.append(row["id"])
            assert "does not know the pattern" in score.reason
    assert outcome == {(True, True): 407, (False, False): 190, (True, None): 2}
    assert without_value == PATTERNS_OF_ANOTHER_DIALECT


async def test_json_parsing_suite(data_rows, open_one):
    """11 of the 158 files are not UTF-8 and never become an answer; of the rest, no verdict differs."""
    scorer = await open_one("json_valid")
    outcome: Counter[tuple[str, bool | None]] = Counter()
    for row in data_rows("json_parsing/cases.jsonl"):
        if row.get("text") is None:
            outcome[row["expect"], None] += 1
            continue
        score = await scorer.score(make_case(), make_response(row["text"]))
        outcome[row["expect"], score.passed] += 1
    assert outcome == {
        ("accept", True): 47,
        ("reject", False): 87,
        ("reject", None): 6,
        ("either", True): outcome["either", True],
        ("either", False): 13 - outcome["either", True],
        ("either", None): 5,
    }
