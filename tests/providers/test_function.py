"""A Python function as the provider."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evalperf.config.model import FunctionProvider
from evalperf.errors import ConfigError, ProviderError
from evalperf.providers.function import Function, open_function
from evalperf.records import Case, Completion, Request, Usage
from tests.support.requests import make_request


@asynccontextmanager
async def provider(function: Callable[..., Any], *, threads: int = 4, **config: Any) -> AsyncIterator[Function]:
    opened = Function(FunctionProvider(type="function", call="mod:f", **config), function, threads=threads)
    try:
        yield opened
    finally:
        await opened.aclose()


async def ask(function: Callable[..., Any], request: Request | None = None, **config: Any) -> Completion:
    async with provider(function, **config) as opened:
        return await opened.complete(request or make_request())


async def failure(function: Callable[..., Any], **config: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(function, **config)
    return caught.value


async def test_without_an_annotation_it_gets_the_text() -> None:
    assert (await ask(lambda prompt: prompt.upper(), model="mine")) == Completion(text="QUESTION", model="mine")


async def test_a_conversation_comes_as_its_messages() -> None:
    messages = ({"role": "system", "content": "s"}, {"role": "user", "content": "u"})
    assert (await ask(repr, make_request("", *messages))).text == repr(list(messages))


async def test_a_system_message_alone_is_no_text() -> None:
    message = {"role": "system", "content": "s"}
    assert (await ask(repr, make_request("", message))).text == repr([message])


async def test_it_gets_the_record_that_it_is_annotated_with() -> None:
    def by_request(request: Request) -> str:
        return type(request).__name__

    async def by_case(case: Case) -> str:
        return type(case).__name__

    assert (await ask(by_request)).text == "Request"
    assert (await ask(by_case)).text == "Case"


async def test_options_are_keyword_arguments() -> None:
    assert (await ask(lambda prompt, *, suffix: prompt + suffix, options={"suffix": "!"})).text == "question!"


async def test_a_completion_is_passed_on() -> None:
    completion = Completion(text="x", usage=Usage(1, 2), finish_reason="stop")
    assert await ask(lambda prompt: completion) is completion


async def test_an_object_with_an_async_call_is_awaited() -> None:
    class Model:
        async def __call__(self, prompt: str) -> str:
            await asyncio.sleep(0)
            return prompt

    assert (await ask(Model())).text == "question"


async def test_a_plain_function_that_returns_a_coroutine_is_awaited() -> None:
    async def answer() -> str:
        return "later"

    assert (await ask(lambda prompt: answer())).text == "later"


@pytest.mark.parametrize(("answer", "name"), [(None, "NoneType"), (5, "int"), (b"x", "bytes")])
async def test_any_other_type_is_a_failure_that_names_it(answer: object, name: str) -> None:
    error = await failure(lambda prompt: answer)
    assert (error.kind, error.retryable) == ("provider", False)
    assert f"has returned {name}" in error.message


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (ValueError("bad luck"), "ValueError: bad luck"),
        (KeyError(), "KeyError"),
        (TimeoutError("mine"), "TimeoutError: mine"),
        (SystemExit(3), "SystemExit: 3"),
        (asyncio.CancelledError(), "CancelledError"),
    ],
)
@pytest.mark.parametrize("is_async", [True, False])
async def test_what_it_raises_is_the_failure(raised: BaseException, message: str, is_async: bool) -> None:
    def plain(prompt: str) -> str:
        raise raised

    async def coroutine(prompt: str) -> str:
        raise raised

    error = await failure(coroutine if is_async else plain)
    assert (error.kind, error.message, error.retryable) == ("provider", message, False)


async def test_stop_iteration_from_a_thread_does_not_hang() -> None:
    assert "StopIteration" in (await failure(lambda prompt: next(iter(())))).message


async def test_a_provider_error_of_its_own_is_kept() -> None:
    def limited(prompt: str) -> str:
        raise ProviderError("rate_limited", "wait", retryable=True, retry_after_s=2)

    error = await failure(limited)
    assert (error.kind, error.retry_after_s) == ("rate_limited", 2)


async def test_an_async_function_that_is_late_is_cancelled() -> None:
    ended = asyncio.Event()

    async def late(prompt: str) -> str:
        try:
            await asyncio.sleep(5)
        finally:
            ended.set()
        return "x"

    error = await failure(late, timeout_s=0.02)
    assert (error.kind, error.retryable) == ("timeout", True)
    assert ended.is_set()


async def test_a_thread_that_is_late_is_missed_until_it_returns() -> None:
    go_on = threading.Event()

    def late(prompt: str) -> str:
        if prompt == "slow":
            go_on.wait(5)
        return prompt

    async with provider(late, threads=1, timeout_s=0.05) as opened:
        with pytest.raises(ProviderError, match="no answer"):
            await opened.complete(make_request("slow"))
        with pytest.raises(ProviderError, match="no answer"):
            await opened.complete(make_request("waits for the thread"))
        go_on.set()
        assert (await opened.complete(make_request("quick"))).text == "quick"


async def test_no_more_threads_than_calls_at_once_and_none_after_the_end() -> None:
    names: set[str] = set()

    def note(prompt: str) -> str:
        names.add(threading.current_thread().name)
        return prompt

    before = threading.active_count()
    async with provider(note, threads=3) as opened:
        await asyncio.gather(*(opened.complete(make_request(str(number))) for number in range(50)))
        assert 1 <= len(names) <= 3
    for _ in range(200):
        if threading.active_count() <= before:
            break
        await asyncio.sleep(0.005)
    assert threading.active_count() <= before


def test_a_hung_thread_does_not_outlive_the_program() -> None:
    def hang(prompt: str) -> str:
        threading.Event().wait(3)
        return prompt

    async def run() -> list[threading.Thread]:
        async with provider(hang, timeout_s=0.01) as opened:
            with pytest.raises(ProviderError):
                await opened.complete(make_request())
            return [thread for thread in threading.enumerate() if thread.name.startswith("evalperf-function")]

    threads = asyncio.run(run())
    assert threads
    assert all(thread.daemon for thread in threads)


def test_it_is_found_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "answers_for_this_test.py").write_text("async def f(prompt): return prompt\nNUMBER = 5\n")

    def opened(call: str, **config: Any) -> Function:
        return open_function(FunctionProvider(type="function", call=call, **config), tmp_path, threads=1)

    assert opened("answers_for_this_test:f").name == "answers_for_this_test:f"
    with pytest.raises(ConfigError, match="is a int, not a function"):
        opened("answers_for_this_test:NUMBER")
    with pytest.raises(ConfigError, match="has no"):
        opened("answers_for_this_test:missing")
    with pytest.raises(ConfigError, match="can't be called with the request and the options"):
        opened("answers_for_this_test:f", options={"unknown": 1})
