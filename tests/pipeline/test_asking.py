"""Models that scorers ask: under which number each call is in the journal."""

from __future__ import annotations

import itertools

import pytest

from evalperf.config.model import FunctionProvider
from evalperf.errors import ConfigError
from evalperf.pipeline.asking import CALLS_PER_MODEL, MAX_MODELS, AskedModel, AskedModels
from evalperf.pipeline.job import Job
from evalperf.records import Call, Completion, Request, Response
from tests.support.fakes import case

SECTION = FunctionProvider(type="function", call="a:b")
MESSAGES = ({"role": "user", "content": "Is it right?"},)


class NotingCaller:
    """Answers every call and keeps its number."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    async def attempt(self, job: Job, request: Request) -> Response:
        self.numbers.append(job.call)
        return Response(completion=Completion(text="yes"), call=Call(attempts=1))


def connected(slots: int, caller: NotingCaller) -> list[AskedModel]:
    models = AskedModels()
    for _ in range(slots):
        models.model(SECTION).connect(caller)  # type: ignore[arg-type]
    return models.models


async def test_no_two_calls_of_a_case_have_one_number() -> None:
    """Whichever model is asked about whichever answer; 0 is the number of the call for the answers."""
    caller = NotingCaller()
    for model in connected(MAX_MODELS, caller)[:: MAX_MODELS - 1]:
        for answer, call in itertools.product((1, 2, 3, 65_536), (1, 2, CALLS_PER_MODEL - 1)):
            await model.ask(case(1), MESSAGES, answer=answer, call=call)
    assert len(set(caller.numbers)) == len(caller.numbers) == 24
    assert 0 not in caller.numbers
    assert max(caller.numbers) < 2**32  # so many a frame of the journal can tell apart


async def test_calls_about_the_first_answer_have_the_numbers_that_journals_have_always_had() -> None:
    caller = NotingCaller()
    _, second = connected(2, caller)
    await second.ask(case(1), MESSAGES, answer=1, call=3)
    assert caller.numbers == [256 + 3]


def test_more_models_than_there_are_numbers_for_are_refused() -> None:
    models = AskedModels()
    for _ in range(MAX_MODELS):
        models.model(SECTION)
    with pytest.raises(ConfigError, match="more than 256 models"):
        models.model(SECTION)
