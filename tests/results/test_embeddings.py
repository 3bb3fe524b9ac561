"""The list of paid calls for embeddings: written at once, read whatever stands in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalperf.errors import OutputError
from evalperf.records import Usage
from evalperf.results import EmbeddingCall, EmbeddingCalls, RunDirectory, read_embedding_calls
from evalperf.results.embeddings import BLOCK_BYTES


def call(tokens: int = 10, cost_usd: float | None = 0.5) -> EmbeddingCall:
    return EmbeddingCall(asked_for="scorers", texts=2, usage=Usage(tokens, 0), cost_usd=cost_usd)


def read(directory: RunDirectory) -> tuple[list[EmbeddingCall], list[str]]:
    damage: list[str] = []
    return list(read_embedding_calls(directory, on_damage=damage.append)), damage


async def test_a_call_is_in_the_file_when_add_returns(tmp_path: Path) -> None:
    directory, calls = RunDirectory(tmp_path), EmbeddingCalls()
    async with calls.kept_in(directory):
        calls.add(call())
        assert read(directory) == ([call()], [])
    assert directory.embeddings.stat().st_mode & 0o777 == 0o600


async def test_calls_from_before_the_run_has_a_folder_come_with_it(tmp_path: Path) -> None:
    directory, calls = RunDirectory(tmp_path), EmbeddingCalls()
    calls.add(call(1))
    async with calls.kept_in(directory):
        calls.add(call(2))
    assert read(directory) == ([call(1), call(2)], [])


async def test_sessions_write_one_behind_the_other(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    for tokens in (1, 2):
        calls = EmbeddingCalls()
        async with calls.kept_in(directory):
            calls.add(call(tokens))
    assert read(directory) == ([call(1), call(2)], [])


async def test_a_run_without_embeddings_has_no_such_file(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    async with EmbeddingCalls().kept_in(directory):
        pass
    assert not directory.embeddings.exists()
    assert read(directory) == ([], [])


async def test_half_a_line_that_a_power_cut_has_left_costs_no_other(tmp_path: Path) -> None:
    directory, calls = RunDirectory(tmp_path), EmbeddingCalls()
    directory.embeddings.write_bytes(b'{"asked_for":"scor')
    async with calls.kept_in(directory):
        calls.add(call())
    found, damage = read(directory)
    assert found == [call()]
    assert damage == ["embeddings.jsonl: 1 line can't be read: what its call for embeddings cost is in no number"]


async def test_a_folder_that_is_gone_ends_the_run(tmp_path: Path) -> None:
    calls = EmbeddingCalls()
    async with calls.kept_in(RunDirectory(tmp_path / "gone")):
        with pytest.raises(OutputError):
            calls.add(call())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[1]",
        b"\xff\xfe",
        b"[" * 3000,
        b'{"asked_for":"scorers","texts":1,"usage":null,"cost_usd":1e999}',
        b'{"asked_for":"scorers","texts":1,"usage":null,"cost_usd":-1}',
        b'{"asked_for":"scorers","texts":0,"usage":null,"cost_usd":1}',
        b'{"asked_for":"me","texts":1,"usage":null,"cost_usd":1}',
        b'{"asked_for":"scorers","texts":1,"usage":{"input_tokens":-5,"output_tokens":0},"cost_usd":1}',
        b'{"asked_for":"scorers","texts":1,"usage":null,"cost_usd":1' + b" " * (2 * BLOCK_BYTES) + b"}",
    ],
    ids=range(10),
)
def test_a_line_that_is_no_call_is_counted_and_left_out(tmp_path: Path, line: bytes) -> None:
    directory = RunDirectory(tmp_path)
    good = b'{"asked_for":"scorers","texts":2,"usage":{"input_tokens":10,"output_tokens":0},"cost_usd":0.5}\n'
    directory.embeddings.write_bytes(good + line + b"\n" + good)
    found, damage = read(directory)
    assert found == [call()] * 2
    assert len(damage) == 1


def test_a_list_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.embeddings.mkdir()
    calls, damage = read(directory)
    assert calls == []
    assert "embeddings.jsonl can't be read" in damage[0]
