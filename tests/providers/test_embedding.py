"""Vectors from an endpoint and from a function of the user's."""

from __future__ import annotations

import asyncio
import base64
import zlib
from array import array
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from evalperf.config.embedders import EmbedderConfig
from evalperf.errors import ConfigError, ProviderError, StoppedError
from evalperf.providers.embedding import Embeddings, open_embedder
from evalperf.records import Usage
from tests.support.http_server import Received, Script, http_reply, json_reply, scripted_server

ADAPTER: TypeAdapter[Any] = TypeAdapter(EmbedderConfig)
KEY = "sk-very-secret-key"


def encoded(*numbers: float) -> str:
    return base64.b64encode(array("f", numbers).tobytes()).decode()


def reply(*rows: Any, **fields: Any) -> bytes:
    """A reply whose rows are vectors, numbered in order, or whole rows."""
    data = [row if isinstance(row, dict) else {"index": number, "embedding": row} for number, row in enumerate(rows)]
    return json_reply({"object": "list", "data": data, "model": "m", **fields})


async def ask(script: bytes | Script, *texts: str, **fields: Any) -> Embeddings:
    async with scripted_server(script) as server:
        config = ADAPTER.validate_python({"type": "openai", "model": "m", "endpoints": [{"url": server.url}], **fields})
        async with open_embedder(config, Path()) as embedder:
            return await embedder.embed(texts or ["a", "b"])


async def failure(script: bytes | Script, *texts: str, **fields: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(script, *texts, **fields)
    return caught.value


async def test_a_call_has_all_texts_and_asks_for_base64() -> None:
    asked: list[Received] = []

    def script(received: Received) -> bytes:
        asked.append(received)
        return reply([1.0], [2.0])

    await ask(script, "first", "sec\ud83dond", dimensions=1)
    assert asked[0].path == "/v1/embeddings"
    assert asked[0].json == {
        "model": "m",
        "input": ["first", "sec\ud83dond"],
        "encoding_format": "base64",
        "dimensions": 1,
    }


async def test_vectors_come_as_base64_of_single_precision() -> None:
    found = await ask(reply(encoded(0.1, -2.5), encoded(3.0, 1e-20), usage={"prompt_tokens": 4, "total_tokens": 4}))
    assert found == Embeddings(vectors=[array("f", [0.1, -2.5]), array("f", [3.0, 1e-20])], usage=Usage(4, 0))


async def test_a_server_may_send_lists_of_numbers_all_the_same() -> None:
    found = await ask(reply([1, 0.5], [0, -1e-3]))
    assert found == Embeddings(vectors=[array("f", [1, 0.5]), array("f", [0, -1e-3])])


async def test_numbers_are_asked_for_where_the_configuration_says_so() -> None:
    def script(received: Received) -> bytes:
        assert received.json["encoding_format"] == "float"
        return reply([1.0], [2.0])

    await ask(script, encoding="float")


async def test_vectors_are_put_in_the_order_of_the_texts() -> None:
    rows = [{"index": 2, "embedding": [2]}, {"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": [1]}]
    assert [vector[0] for vector in (await ask(reply(*rows), "a", "b", "c")).vectors] == [0.5, 1, 2]


async def test_without_numbers_the_order_of_the_reply_counts() -> None:
    assert [v[0] for v in (await ask(reply({"embedding": [5]}, {"embedding": [6]}))).vectors] == [5, 6]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (reply([1.0]), "1 vectors for 2 texts"),
        (reply([1.0], [2.0], [3.0]), "3 vectors for 2 texts"),
        (reply([1.0], [2.0, 3.0]), "a vector of 2 numbers, expected 1"),
        (reply([], []), "a vector of 0 numbers"),
        (reply({"index": 0, "embedding": [1]}, {"index": 0, "embedding": [2]}), "numbered [0, 0]"),
        (reply({"index": 0, "embedding": [1]}, {"index": 2, "embedding": [2]}), "numbered [0, 2]"),
        (reply({"index": 0, "embedding": [1]}, {"embedding": [2]}), "numbered [0, -1]"),
        (reply("AAAA", "AAAA"), "no base64 of single-precision numbers"),
        (reply("?", "?"), "no base64 of single-precision numbers"),
        (reply(encoded(float("nan")), encoded(1)), "not finite"),
        (reply([1e300], [1]), "not finite"),
        (json_reply({"object": "list"}), "no vectors"),
        (json_reply({"data": "x"}), "data"),
        (http_reply(200, b"{"), "broken JSON"),
        (http_reply(200, b"<html><title>Hi</title>", content_type="text/html"), "HTML page"),
    ],
)
async def test_a_reply_that_does_not_fit_is_a_bad_reply(body: bytes, said: str) -> None:
    error = await failure(body)
    assert error.kind == "bad_reply"
    assert said in error.message


async def test_the_length_asked_for_is_the_length_expected() -> None:
    assert "expected 2" in (await failure(reply([1.0], [2.0]), dimensions=2)).message


async def test_the_length_may_not_change_between_calls() -> None:
    def script(received: Received) -> bytes:
        return reply([1.0]) if received.json["input"] == ["a"] else reply([1.0, 2.0])

    async with scripted_server(script) as server:
        config = ADAPTER.validate_python({"type": "openai", "model": "m", "endpoints": [{"url": server.url}]})
        async with open_embedder(config, Path()) as embedder:
            await embedder.embed(["a"])
            with pytest.raises(ProviderError, match="a vector of 2 numbers, expected 1"):
                await embedder.embed(["b"])


async def test_a_refusal_has_its_kind_and_shows_no_key() -> None:
    limited = json_reply({"error": {"message": f"slow down, {KEY}"}}, 429, retry_after="3")
    async with scripted_server(limited) as server:
        endpoint = {"url": server.url, "api_key": KEY}
        config = ADAPTER.validate_python({"type": "openai", "model": "m", "endpoints": [endpoint]})
        async with open_embedder(config, Path()) as embedder:
            assert KEY not in embedder.identity
            with pytest.raises(ProviderError) as caught:
                await embedder.embed(["a"])
            assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    error = caught.value
    assert (error.kind, error.status, error.retryable, error.retry_after_s) == ("rate_limited", 429, True, 3.0)
    assert KEY not in error.message


async def test_an_error_in_the_body_of_a_200_is_one() -> None:
    assert (await failure(json_reply({"error": {"message": "overloaded", "code": 503}}))).kind == "server_error"


async def both(first: bytes | Script, second: bytes | Script) -> tuple[list[int], Embeddings | ProviderError]:
    """How often each of two endpoints was asked, and what came of one call."""
    async with scripted_server(first) as one, scripted_server(second) as other:
        endpoints = [{"url": one.url}, {"url": other.url}]
        config = ADAPTER.validate_python({"type": "openai", "model": "m", "endpoints": endpoints})
        async with open_embedder(config, Path()) as embedder:
            try:
                found: Embeddings | ProviderError = await embedder.embed(["a"])
            except ProviderError as error:
                found = error
        return [len(one.requests), len(other.requests)], found


async def test_where_one_endpoint_is_in_trouble_the_next_is_asked() -> None:
    asked, found = await both(http_reply(503), reply([1.0]))
    assert asked == [1, 1]
    assert found == Embeddings(vectors=[array("f", [1.0])])


async def test_a_text_that_is_refused_is_not_taken_from_door_to_door() -> None:
    asked, found = await both(http_reply(400), reply([1.0]))
    assert asked == [1, 0]
    assert isinstance(found, ProviderError)


async def test_calls_go_to_the_endpoint_with_the_fewest_under_way() -> None:
    async with scripted_server(reply([1.0])) as one, scripted_server(reply([1.0])) as other:
        endpoints = [{"url": one.url}, {"url": other.url}]
        config = ADAPTER.validate_python({"type": "openai", "model": "m", "endpoints": endpoints})
        async with open_embedder(config, Path()) as embedder:
            await asyncio.gather(*(embedder.embed(["a"]) for _ in range(4)))
        assert [len(one.requests), len(other.requests)] == [2, 2]


async def check(*scripts: bytes) -> None:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(scripted_server(script)) for script in scripts]
        endpoints = [{"url": server.url} for server in servers]
        config = ADAPTER.validate_python({"type": "openai", "model": "m", "endpoints": endpoints})
        embedder = await stack.enter_async_context(open_embedder(config, Path()))
        await embedder.check()


async def test_credentials_that_are_refused_are_told_beforehand() -> None:
    with pytest.raises(StoppedError, match="credentials"):
        await check(http_reply(401))


async def test_of_several_endpoints_one_that_is_well_will_do() -> None:
    await check(http_reply(401), json_reply({"data": [{"id": "m"}]}))


def test_pacing_of_single_endpoints_is_refused_since_it_would_do_nothing() -> None:
    endpoint = {"url": "http://h/v1", "requests_per_minute": 60}
    with pytest.raises(ValidationError, match="requests_per_minute does not hold"):
        ADAPTER.validate_python({"type": "openai", "model": "m", "endpoints": [endpoint]})


async def call(folder: Path, code: str, *texts: str, **fields: Any) -> Embeddings:
    name = f"embedding_code_{zlib.crc32(code.encode())}"
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    config = ADAPTER.validate_python({"type": "function", "call": f"{name}:f", **fields})
    async with open_embedder(config, folder) as embedder:
        return await embedder.embed(texts or ["a", "bcd"])


LENGTHS = [array("f", [1.0]), array("f", [3.0])]


@pytest.mark.parametrize(
    "code",
    [
        "def f(texts):\n    return [[len(text)] for text in texts]\n",
        "async def f(texts):\n    return [[len(text)] for text in texts]\n",
        "import numpy\ndef f(texts):\n    return numpy.array([[len(text)] for text in texts], dtype='float64')\n",
        "def f(texts):\n    return ((len(text),) for text in texts)\n",
    ],
    ids=["plain", "async", "numpy", "generator"],
)
async def test_a_function_gets_the_texts_and_returns_vectors(code: str, tmp_path: Path) -> None:
    assert (await call(tmp_path, code)).vectors == LENGTHS


async def test_a_function_gets_its_options(tmp_path: Path) -> None:
    found = await call(tmp_path, "def f(texts, scale):\n    return [[scale] for _ in texts]\n", options={"scale": 2})
    assert found.vectors == [array("f", [2.0])] * 2


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("return [[1]]", "bad_reply", "1 vectors for 2 texts"),
        ("return None", "bad_reply", "NoneType"),
        ("return ['ab', 'cd']", "bad_reply", "expected a list of vectors"),
        ("return [[1], [float('inf')]]", "bad_reply", "not finite"),
        ("raise KeyError('x')", "provider", "KeyError"),
    ],
)
async def test_a_function_that_fails_is_a_failed_call(body: str, kind: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        await call(tmp_path, f"def f(texts):\n    {body}\n")
    assert caught.value.kind == kind
    assert said in caught.value.message


async def test_a_function_that_does_not_exist_is_told_beforehand(tmp_path: Path) -> None:
    config = ADAPTER.validate_python({"type": "function", "call": "no_such_module:f"})
    with pytest.raises(ConfigError, match="no_such_module"):
        async with open_embedder(config, tmp_path):
            pass
