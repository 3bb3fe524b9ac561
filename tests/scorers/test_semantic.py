"""The semantic scorer on vectors that are known."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evalperf.errors import ConfigError
from evalperf.records import Score, Spent, Usage
from evalperf.scorers import open_scorers
from evalperf.scorers.semantic import cosine
from tests.scorers.samples import ADAPTER, Target, make_case, make_response
from tests.support.asking import EmbedderModels, TableEmbedder

EMBEDDER = {"type": "function", "call": "code:embed"}
TABLE = {
    "cat": (1.0, 0.0),
    "kitten": (0.8, 0.6),
    "car": (0.0, 2.0),
    "not cat": (-1.0, 0.0),
    "xyzzy": (0.0, 0.0),
}


async def score(answer: str, target: Target, embedder: TableEmbedder | None = None, **options: object) -> Score:
    config = ADAPTER.validate_python({"type": "semantic", "embedder": EMBEDDER, **options})
    models = EmbedderModels(embedder if embedder is not None else TableEmbedder(TABLE))
    async with open_scorers([config], Path(), models) as (scorer,):
        return await scorer.score(make_case(target), make_response(answer))


async def test_the_value_is_the_cosine_whatever_the_lengths() -> None:
    assert (await score("kitten", "car")).value == pytest.approx(0.6)
    assert (await score("not cat", "cat")).value == -1.0


async def test_the_closest_of_several_targets_counts() -> None:
    assert (await score("kitten", ("car", "cat"))).value == pytest.approx(0.8)


async def test_without_a_threshold_there_is_no_verdict() -> None:
    assert (await score("cat", "cat")).passed is None


async def test_the_threshold_is_inclusive() -> None:
    assert (await score("cat", "cat", threshold=1.0)).passed


async def test_below_the_threshold_it_fails() -> None:
    found = await score("kitten", "cat", threshold=0.81)
    assert (found.value, found.passed) == (pytest.approx(0.8), False)


async def test_answer_and_targets_travel_in_one_request_and_each_target_once() -> None:
    embedder = TableEmbedder(TABLE)
    await score("cat", ("car", "kitten", "car"), embedder)
    assert embedder.asked == [["cat", "car", "kitten"]]


async def test_what_the_vectors_have_cost_is_in_the_score() -> None:
    assert (await score("cat", "car")).spent == Spent(calls=1, usage=Usage(2, 0))


async def test_an_embedder_that_fails_is_no_wrong_answer() -> None:
    found = await score("cat", "car", TableEmbedder(TABLE, failing=["cat"]))
    assert (found.value, found.passed) == (None, None)
    assert found.reason == "no vectors from table: the server is ill"


async def test_a_text_without_direction_has_no_score() -> None:
    found = await score("xyzzy", "cat", threshold=0.5)
    assert (found.value, found.passed, found.reason) == (
        None,
        None,
        "table knows no word of the answer or of the target",
    )


async def test_an_empty_answer_is_no_answer_and_costs_nothing() -> None:
    embedder = TableEmbedder(TABLE)
    found = await score("  ", "cat", embedder)
    assert (found.value, found.passed, found.reason) == (0.0, False, "no answer")
    assert embedder.asked == []


async def test_an_empty_target_can_not_be_compared() -> None:
    found = await score("cat", "")
    assert found.value is None
    assert "the target is empty" in str(found.reason)


async def test_what_is_extracted_is_compared() -> None:
    found = await score("It is a: kitten", "cat", extract=r": (\w+)")
    assert (found.value, found.extracted) == (pytest.approx(0.8), "kitten")


async def test_without_a_run_there_is_no_embedder_to_ask(tmp_path) -> None:
    config = ADAPTER.validate_python({"type": "semantic", "embedder": EMBEDDER})
    with pytest.raises(ConfigError, match="none to ask here"):
        async with open_scorers([config], tmp_path):
            pass


def test_it_needs_an_embedder() -> None:
    with pytest.raises(ValidationError, match="embedder"):
        ADAPTER.validate_python({"type": "semantic"})


vectors = st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=3).map(lambda numbers: array("f", numbers))


@given(vectors, vectors)
def test_a_cosine_is_symmetric_and_between_its_bounds(one: array[float], other: array[float]) -> None:
    found = cosine(one, other)
    assert found == cosine(other, one)
    assert found is None or -1 <= found <= 1


@given(vectors)
def test_equal_vectors_have_the_cosine_one(vector: array[float]) -> None:
    assert cosine(vector, vector) == (1.0 if any(vector) else None)
