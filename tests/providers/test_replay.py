"""Recorded answers, from the case or from a file of answers."""

from __future__ import annotations

import asyncio
import gzip
import random
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson
import pytest

from evalperf.config.providers import ReplayProvider
from evalperf.errors import InputError, ProviderError
from evalperf.providers import replay
from evalperf.providers.replay import Replay, ReplayFile, open_replay
from evalperf.records import Case, Completion, Request, Usage

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def request(id_: str, output: str | None = None, epoch: int = 1) -> Request:
    return Request(case=Case(seq=1, id=id_, input="x", output=output, epoch=epoch), messages=())


def write(path: Path, rows: list[Any]) -> Path:
    lines = b"".join((row if isinstance(row, bytes) else orjson.dumps(row)) + b"\n" for row in rows)
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


def rows(count: int) -> list[Any]:
    return [{"id": f"c{n}", "response": f"answer {n}"} for n in range(count)]


def opened(path: Path, **options: Any) -> ReplayFile:
    provider = open_replay(ReplayProvider(type="replay", path=str(path), **options), Path("/"))
    assert isinstance(provider, ReplayFile)
    return provider


async def failure_of(provider: Replay, id_: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await provider.complete(request(id_))
    assert (caught.value.kind, caught.value.retryable) == ("provider", False)
    return caught.value


async def test_without_a_file_the_cases_own_answer_is_given() -> None:
    provider = open_replay(ReplayProvider(type="replay", model="m"), Path("/"))
    await provider.check()
    assert await provider.complete(request("a", "42")) == Completion(text="42", model="m")
    assert await provider.complete(request("a", "")) == Completion(text="", model="m")
    assert "no recorded answer" in str(await failure_of(provider, "a"))
    await provider.aclose()


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
async def test_rows_in_the_order_of_the_cases_are_streamed(tmp_path: Path, name: str) -> None:
    """A little out of turn, with epochs, and never an index."""
    provider = opened(write(tmp_path / name, rows(30_000)))
    await provider.check()
    order = [n for start in range(0, 30_000, 500) for n in random.Random(start).sample(range(start, start + 500), 500)]
    for n in order:
        for epoch in (1, 2):
            assert (await provider.complete(request(f"c{n}", epoch=epoch))).text == f"answer {n}"
    assert provider._index is None
    assert len(provider._window) <= replay.WINDOW_ROWS
    await provider.aclose()


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
async def test_rows_in_any_order_are_found_through_an_index(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "WINDOW_ROWS", 100)
    monkeypatch.setattr(replay, "LOOK_AHEAD_ROWS", 100)
    provider = opened(write(tmp_path / name, [b"", *rows(6000)]))
    for n in random.Random(1).sample(range(6000), 300):
        assert (await provider.complete(request(f"c{n}"))).text == f"answer {n}"
    assert provider._index is not None
    await provider.aclose()
    await provider.aclose()


async def test_the_index_knows_lines_that_end_in_carriage_returns_and_a_byte_order_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "WINDOW_ROWS", 1)
    monkeypatch.setattr(replay, "LOOK_AHEAD_ROWS", 0)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(orjson.dumps(row) for row in rows(50)))
    provider = opened(path)
    for n in (3, 0, 49, 20):
        assert (await provider.complete(request(f"c{n}"))).text == f"answer {n}"
    await provider.aclose()


async def test_a_missing_answer_costs_one_case_and_streaming_goes_on(tmp_path: Path) -> None:
    provider = opened(write(tmp_path / "a.jsonl", rows(20_000)))
    assert (await provider.complete(request("c0"))).text == "answer 0"
    assert 'no recorded answer for id "zzz"' in str(await failure_of(provider, "zzz"))
    read_before = provider._read
    for n in range(20_000):
        assert (await provider.complete(request(f"c{n}"))).text == f"answer {n}"
    assert provider._read > read_before
    await provider.aclose()


async def test_many_callers_at_once(tmp_path: Path) -> None:
    provider = opened(write(tmp_path / "a.jsonl", rows(3000)))
    found = await asyncio.gather(*(provider.complete(request(f"c{n}")) for n in range(3000)))
    assert [completion.text for completion in found] == [f"answer {n}" for n in range(3000)]
    await provider.aclose()


async def test_what_a_row_may_carry(tmp_path: Path) -> None:
    row = {
        "custom_id": 7,
        "model_response": "r",
        "expected": ["a", 2.50],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
        "model": "m2",
        "finish_reason": "stop",
    }
    plain = {"id": "b", "output": {"x": 1.0}, "usage": {"input_tokens": 1}}
    provider = opened(write(tmp_path / "a.jsonl", [row, plain]), model="m")
    assert await provider.complete(request("7")) == Completion(
        text="r", model="m2", usage=Usage(3, 4), finish_reason="stop", target=("a", "2.5")
    )
    assert await provider.complete(request("b")) == Completion(text='{"x":1.0}', model="m")
    await provider.aclose()


async def test_fields_may_be_mapped(tmp_path: Path) -> None:
    """`answer` would be the target by its usual meaning."""
    provider = opened(
        write(tmp_path / "a.jsonl", [{"meta": {"key": 3.10}, "answer": "42"}]),
        fields={"id": "meta.key", "output": "answer"},
    )
    assert await provider.complete(request("3.1")) == Completion(text="42")
    await provider.aclose()


@pytest.mark.parametrize("far_apart", [False, True])
async def test_two_different_answers_for_an_id_fail_that_case_alone(
    tmp_path: Path, far_apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if far_apart:
        monkeypatch.setattr(replay, "WINDOW_ROWS", 1)
        monkeypatch.setattr(replay, "LOOK_AHEAD_ROWS", 0)
    doubled = [*rows(5), {"id": "c1", "response": "another"}, {"id": "c2", "response": "answer 2"}]
    provider = opened(write(tmp_path / "a.jsonl", doubled))
    error = await failure_of(provider, "c1")
    assert 'two different answers for id "c1"' in str(error)
    if far_apart:
        assert "lines 2 and 6" in str(error)
    assert (await provider.complete(request("c2"))).text == "answer 2"
    await provider.aclose()


async def test_check_tells_what_is_wrong_with_the_file_before_the_first_case(tmp_path: Path) -> None:
    faults = {
        tmp_path / "none.jsonl": "no such file",
        write(tmp_path / "a.jsonl", [{"id": "a", "text": "x"}]): "none of the fields output, response",
        write(tmp_path / "b.jsonl", []): "holds no answers",
        write(tmp_path / "c.jsonl", [{"output": "x"}]): "line 1 can't be read: it has no id",
    }
    for path, reason in faults.items():
        async with aclosing(opened(path)) as provider:
            with pytest.raises(InputError, match=reason):
                await provider.check()


async def test_a_line_that_can_not_be_read_is_told_to_the_case_that_misses_its_answer(tmp_path: Path) -> None:
    provider = opened(write(tmp_path / "a.jsonl", [*rows(2), b"{broken", {"id": "c3", "response": "x"}]))
    assert (await provider.complete(request("c3"))).text == "x"
    assert "line 3 can't be read" in str(await failure_of(provider, "c2"))
    await provider.aclose()


async def test_a_file_that_is_cut_off_fails_the_cases_behind_the_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", rows(20_000))
    path.write_bytes(path.read_bytes()[:-2000])
    provider = opened(path)
    assert (await provider.complete(request("c5"))).text == "answer 5"
    assert "cut off" in str(await failure_of(provider, "c19999"))
    await provider.aclose()


async def test_a_cancelled_call_leaves_the_provider_usable(tmp_path: Path) -> None:
    provider = opened(write(tmp_path / "a.jsonl", rows(20_000)))
    call = asyncio.create_task(provider.complete(request("c19000")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await provider.complete(request("c19000"))).text == "answer 19000"
    assert (await provider.complete(request("c1"))).text == "answer 1"
    await provider.aclose()


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not here")
@pytest.mark.parametrize(
    ("path", "count", "own_targets"),
    [
        ("gsm8k/responses-175b_verification.jsonl", 1319, 0),
        ("bbh/responses-code-davinci-002-cot.jsonl", 2146, 0),
        ("mmlu_pro/responses-Yi-34B.jsonl.gz", 12032, 0),
        ("mmlu_pro/responses-jamba-1.5-large.jsonl.gz", 12032, 33),
    ],
)
async def test_recorded_answers_of_public_data_sets_are_joined(path: str, count: int, own_targets: int) -> None:
    file = DATA / path
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    answers = [orjson.loads(line) for line in raw.splitlines()]
    provider = opened(file)
    found = [await provider.complete(request(answer["id"])) for answer in answers]
    assert [completion.text for completion in found] == [answer["response"] for answer in answers]
    assert (len(found), sum(one.target is not None for one in found)) == (count, own_targets)
    await provider.aclose()
