"""A Python function that answers many requests in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from evalperf.config.model import FunctionProvider
from evalperf.errors import ProviderError
from evalperf.providers import open_providers
from evalperf.providers.function_batch import FunctionBatch
from evalperf.records import Case, Completion, Request
from tests.support.requests import make_request


async def ask(function: Any, *texts: str) -> list[Completion | ProviderError]:
    config = FunctionProvider(type="function", call="mod:f", batch=True, model="mine")
    provider = FunctionBatch(config, function, threads=2)
    try:
        return await provider.complete_many([make_request(text) for text in texts])
    finally:
        await provider.aclose()


async def test_it_gets_a_list_and_returns_a_list() -> None:
    found = await ask(lambda texts: [text.upper() for text in texts], "a", "b")
    assert found == [Completion(text="A", model="mine"), Completion(text="B", model="mine")]


async def test_it_gets_lists_of_what_it_is_annotated_with() -> None:
    def by_case(cases: list[Case]) -> list[str]:
        return [case.id for case in cases]

    async def by_request(requests: Sequence[Request]) -> list[str]:
        return [request.case.id for request in requests]

    def evaluated(cases: Any) -> list[str]:
        return [case.id for case in cases]

    evaluated.__annotations__["cases"] = list[Case]
    for function in (by_case, by_request, evaluated):
        assert [one.text for one in await ask(function, "x", "y") if isinstance(one, Completion)] == ["id-x", "id-y"]


async def test_without_a_list_in_the_annotation_it_gets_prompts() -> None:
    def by_name(texts: list) -> list[str]:
        return [repr(text) for text in texts]

    assert [one.text for one in await ask(by_name, "x") if isinstance(one, Completion)] == ["'x'"]


async def test_an_answer_that_is_none_fails_alone() -> None:
    found = await ask(lambda texts: ["fine", None, ValueError("too odd"), Completion(text="good")], *"abcd")
    assert [type(one).__name__ for one in found] == ["Completion", "ProviderError", "ProviderError", "Completion"]
    assert [str(one) for one in found[1:3]] == [
        "mod:f has returned NoneType, expected str or Completion",
        "ValueError: too odd",
    ]


@pytest.mark.parametrize(
    ("returned", "said"), [(["a"], "1 answers to 2"), ("ab", "str, expected a list"), (None, "None")]
)
async def test_what_does_not_fit_fails_the_whole_call(returned: Any, said: str) -> None:
    with pytest.raises(ProviderError, match=said) as caught:
        await ask(lambda texts: returned, "a", "b")
    assert caught.value.kind == "bad_reply"


async def test_the_configuration_opens_it_and_it_answers_one_too(tmp_path) -> None:
    (tmp_path / "batch_code_one.py").write_text("def f(texts):\n    return [t + '!' for t in texts]\n")
    config = FunctionProvider(type="function", call="batch_code_one:f", batch=True)
    async with open_providers(config, tmp_path, connections=2) as (provider,):
        assert (await provider.complete(make_request("a"))).text == "a!"
        assert hasattr(provider, "complete_many")


def test_sizes_of_batches_need_batches() -> None:
    with pytest.raises(ValidationError, match='need "batch": true'):
        FunctionProvider(type="function", call="m:f", max_batch_size=3)
    with pytest.raises(ValidationError, match="is more than max_batch_size"):
        FunctionProvider(type="function", call="m:f", batch=True, min_batch_size=4, max_batch_size=3)
