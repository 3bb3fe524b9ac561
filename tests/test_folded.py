"""Finished runs are folded once for each question."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evalperf import folded, summarise
from evalperf.errors import DamageError
from evalperf.folded import open_kept_summaries
from evalperf.own_places import note_own_places
from evalperf.results import RunDirectory, RunInfo, StoreOptions, create_run, open_store, write_run_info
from evalperf.summarise import summarise_run
from tests.support.results import make_result


@pytest.fixture(autouse=True)
def small_runs_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is too small to keep."""
    monkeypatch.setattr(folded, "WORTH_KEEPING_BYTES", 1)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[RunDirectory]:
    """The times at which results were read."""
    seen: list[RunDirectory] = []
    real = summarise.read_results

    def counted(directory, **more):
        seen.append(directory)
        return real(directory, **more)

    monkeypatch.setattr(summarise, "read_results", counted)
    return seen


async def make_run(tmp_path: Path, *, finish: bool = True, **config: object) -> RunDirectory:
    directory = create_run(tmp_path / "results", "20261120-143005-demo-3f9a")
    info = RunInfo(
        run_id=directory.id, name="demo", created_at="2026-11-20T14:30:05Z", versions={}, inputs=(), lines=3,
        fingerprint={}, config={"scorers": ["exact"], "provider": {"type": "replay"}, **config},
    )  # fmt: skip
    write_run_info(directory, info)
    async with open_store(directory, info, StoreOptions(journal=False), lambda event: None) as store:
        for seq in range(1, 4):
            await store.put(make_result(seq, value=float(seq > 1), metadata={"task": "odd" if seq % 2 else "even"}))
        if finish:
            await store.finish()
    return directory


async def test_the_second_report_reads_nothing_and_is_equal(tmp_path: Path, reads: list[RunDirectory]) -> None:
    directory = await make_run(tmp_path)
    first = summarise_run(directory, by="task", cache_dir=lambda: tmp_path / "cache")
    again = summarise_run(directory, by="task", cache_dir=lambda: tmp_path / "cache")
    assert again.document == first.document == summarise_run(directory, by="task").document
    assert len(reads) == 2


async def test_another_question_is_asked_of_the_results(tmp_path: Path, reads: list[RunDirectory]) -> None:
    directory = await make_run(tmp_path)
    summarise_run(directory, cache_dir=lambda: tmp_path / "cache")
    assert "by" in summarise_run(directory, by="task", cache_dir=lambda: tmp_path / "cache").document
    assert len(reads) == 2


async def test_changed_files_are_read_again(tmp_path: Path, reads: list[RunDirectory]) -> None:
    directory = await make_run(tmp_path)
    summarise_run(directory, cache_dir=lambda: tmp_path / "cache")
    os.utime(directory.success, (1, 1))
    summarise_run(directory, cache_dir=lambda: tmp_path / "cache")
    assert len(reads) == 2


@pytest.mark.parametrize(("finish", "config"), [(False, {}), (True, {"cache": {"queries": {"strategy": "off"}}})])
async def test_nothing_is_kept_of_a_run_that_goes_on_or_wants_no_cache(
    tmp_path: Path, finish: bool, config: dict[str, object]
) -> None:
    directory = await make_run(tmp_path, finish=finish, **config)
    summarise_run(directory, cache_dir=lambda: tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


async def test_a_small_run_is_read_faster_than_a_cache_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folded, "WORTH_KEEPING_BYTES", 2_000_000)
    directory = await make_run(tmp_path)
    info = RunInfo(run_id="r", name="n", created_at="", versions={}, inputs=(), lines=3, fingerprint={}, config={})
    with open_kept_summaries(directory, info, lambda: tmp_path / "cache") as kept:
        assert kept is None


async def test_a_run_does_not_choose_where_a_report_writes(tmp_path: Path) -> None:
    """Its configuration may be somebody else's, and may name a file of the user's, or a server."""
    elsewhere = {"path": str(tmp_path / "elsewhere" / "x.sqlite"), "redis_url": "redis://127.0.0.1:1/0"}
    directory = await make_run(tmp_path, cache={"queries": elsewhere})
    summarise_run(directory, cache_dir=lambda: tmp_path / "cache")
    assert not (tmp_path / "elsewhere").exists()
    assert (tmp_path / "cache" / "queries.sqlite").exists()


async def test_a_place_that_the_users_own_configuration_names_is_used(tmp_path: Path) -> None:
    """Also from another folder: what is relative was meant from the configuration's."""
    section = {"path": "kept/x.sqlite"}
    assert note_own_places({"cache": {"queries": section}}, tmp_path / "configs", tmp_path / "cache") is None
    directory = await make_run(tmp_path, cache={"queries": section})
    summarise_run(directory, cache_dir=lambda: tmp_path / "cache")
    assert (tmp_path / "configs" / "kept" / "x.sqlite").exists()
    assert not (tmp_path / "cache" / "queries.sqlite").exists()


async def test_a_run_with_a_cache_that_is_none_is_named(tmp_path: Path) -> None:
    directory = await make_run(tmp_path, cache={"queries": {"strategy": 5}})
    with pytest.raises(DamageError, match="has a cache that is none"):
        summarise_run(directory, cache_dir=lambda: tmp_path / "cache")
