"""Choices that are turned from epoch to epoch, and the target with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.cases import read_batches
from evalperf.cases.rotation import rotated
from evalperf.config.model import CasesConfig
from evalperf.errors import InputError
from evalperf.records import Case

TEXTS = st.lists(st.text(min_size=2, max_size=5), min_size=1, max_size=10, unique=True)


async def cases_of(folder: Path, *records: Any, **options: Any) -> list[Case]:
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    config = CasesConfig(path=str(path), **options)
    return [case async for batch in read_batches(config, folder, max_cases=100, max_bytes=1 << 20) for case in batch]


def question(target: Any) -> dict[str, Any]:
    return {"input": "?", "choices": ["red", "green", "blue"], "target": target}


async def test_choices_and_a_letter_turn_together(tmp_path: Path) -> None:
    cases = await cases_of(tmp_path, question("B"), epochs=4, rotate_choices=True)
    assert [(case.epoch, case.choices, case.target) for case in cases] == [
        (1, ("red", "green", "blue"), "B"),
        (2, ("green", "blue", "red"), "A"),
        (3, ("blue", "red", "green"), "C"),
        (4, ("red", "green", "blue"), "B"),
    ]


async def test_without_the_option_nothing_turns(tmp_path: Path) -> None:
    cases = await cases_of(tmp_path, question("B"), epochs=2)
    assert {(case.choices, case.target) for case in cases} == {(("red", "green", "blue"), "B")}


async def test_a_target_that_is_a_text_stays(tmp_path: Path) -> None:
    cases = await cases_of(tmp_path, question("green"), question(["a", "blue"]), epochs=2, rotate_choices=True)
    assert [case.target for case in cases] == ["green", "green", ("A", "blue"), ("C", "blue")]


async def test_a_target_that_is_no_choice_is_a_bad_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='the target "D" is neither the letter of a choice nor its text'):
        await cases_of(tmp_path, question("D"), rotate_choices=True)
    assert await cases_of(tmp_path, question("D"), rotate_choices=True, on_bad_line="skip") == []


async def test_cases_without_choices_or_target_are_as_they_are(tmp_path: Path) -> None:
    records = [{"input": "?", "target": "x"}, {"input": "?", "choices": ["a", "b"]}]
    plain, open_ = (await cases_of(tmp_path, *records, epochs=2, rotate_choices=True))[1::2]
    assert (plain.target, plain.epoch, open_.choices, open_.epoch) == ("x", 2, ("b", "a"), 2)


@given(texts=TEXTS, at=st.integers(0, 9), epoch=st.integers(1, 30))
def test_the_letter_means_the_same_choice_in_every_epoch(texts: list[str], at: int, epoch: int) -> None:
    at %= len(texts)
    turned = rotated(Case(seq=1, id="a", input="?", choices=tuple(texts), target="ABCDEFGHIJ"[at]), epoch)
    assert turned.choices["ABCDEFGHIJ".index(turned.target)] == texts[at]


@given(texts=TEXTS)
def test_each_choice_stands_in_each_place_once(texts: list[str]) -> None:
    case = Case(seq=1, id="a", input="?", choices=tuple(texts), target="A")
    places = [rotated(case, epoch).choices for epoch in range(1, len(texts) + 1)]
    assert all(sorted(column) == sorted(texts) for column in zip(*places, strict=True))
