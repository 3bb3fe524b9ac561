"""Precedents out of result lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter

from evalperf.cache.precedents import Precedent, Precedents, question_text
from evalperf.config.semantic import PrecedentsConfig


class Numbers:
    """The angle of a text is the number in it, in degrees."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, texts: Sequence[str]) -> list[Sequence[float]]:
        self.calls += 1
        return [(math.cos(math.radians(float(text))), math.sin(math.radians(float(text)))) for text in texts]


def precedents(embed: Numbers | None = None, **fields: Any) -> Precedents:
    section = {"embedder": {"type": "function", "call": "m:f"}, "from": "run", "path": "r", "k": 2, **fields}
    return Precedents(TypeAdapter(PrecedentsConfig).validate_python(section), embed or Numbers())


def row(question: Any, case_id: str | None = None, **fields: Any) -> dict[str, Any]:
    scores = {"exact": {"value": 1.0, "passed": True}, "judge": {"value": None, "reason": "ill"}}
    line = {"id": case_id or str(question), "status": "ok", "input": question, "output": f"to {question}"}
    return {**line, "target": "t", "scores": scores, "overall_score": None, **fields}


async def ids(found: Precedents, *cases: tuple[str, str]) -> list[list[str]]:
    return [[one.id for one in near] for near in await found.find_many(cases)]


async def test_the_most_similar_come_first_with_their_answers_and_scores() -> None:
    found = precedents()
    await found.gather([row("0"), row("40"), row("90")])
    ((first, second),) = await found.find_many([("new", "30")])
    assert first == Precedent(
        id="40",
        input="40",
        output="to 40",
        target="t",
        scores={"exact": 1.0, "judge": None},
        overall_score=None,
        similarity=pytest.approx(math.cos(math.radians(10))),
    )
    assert second.id == "0"
    found.close()


async def test_a_case_is_never_its_own_precedent() -> None:
    found = precedents()
    await found.gather([row("0", "a"), row("10", "b"), row("20", "c")])
    assert await ids(found, ("a", "0"), ("b", "10"), ("z", "0")) == [["b", "c"], ["a", "c"], ["a", "b"]]


async def test_failures_and_lines_without_an_answer_or_a_question_are_none() -> None:
    found = precedents()
    failed = row("1", status="failed", output=None)
    await found.gather([failed, row("2", output=None), row(None, "x"), row("3", "bad", output=5), row("4")])
    assert await ids(found, ("z", "0")) == [["4"]]


async def test_of_several_epochs_the_last_stands() -> None:
    found = precedents()
    await found.gather([row("0", "a", output="first"), row("0", "a", output="last")])
    ((only,),) = await found.find_many([("z", "0")])
    assert only.output == "last"


async def test_too_far_is_no_precedent() -> None:
    found = precedents(threshold=0.9)
    await found.gather([row("0"), row("80")])
    assert await ids(found, ("z", "5")) == [["0"]]


async def test_it_is_bounded_and_the_last_rows_stay() -> None:
    found = precedents(max_entries=300, k=1)
    await found.gather(row(str(number / 10), f"c{number}") for number in range(900))
    assert len(found) == 300
    assert await ids(found, ("z", "0"), ("z", "89.9")) == [["c600"], ["c899"]]


async def test_many_are_found_with_one_embedding() -> None:
    embed = Numbers()
    found = precedents(embed)
    await found.gather([row("0")])
    await found.find_many([(str(n), str(n)) for n in range(1, 50)])
    assert embed.calls == 2
    assert await found.find_many([]) == []


def test_a_conversation_is_the_text_of_its_messages() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:"}}
    parts = [{"type": "text", "text": "see"}, picture]
    assert question_text([{"role": "system", "content": "S"}, {"role": "user", "content": parts}]) == "S\n\nsee"
    assert question_text([{"role": "user", "content": None}]) == ""
    assert question_text("as it is") == "as it is"
