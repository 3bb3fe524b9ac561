"""What is found out about endpoints, and what the next run begins with."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evalperf.config.model import RunConfig
from evalperf.learned import known_limits, remember_tuned
from evalperf.tuning import FILE_NAME, Findings, WarmStart, read_warm_start, save_warm_start

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
URL = "https://a.example/v1"


def found(workers: int = 40, *, age: timedelta = timedelta(), **changes: Any) -> WarmStart:
    usual = {"requests_per_s": None, "limited_by": "server", "measured_at": NOW - age}
    return WarmStart(workers=workers, **{**usual, **changes})


def read(folder: Path, url: str = URL, model: str | None = "m", warn=pytest.fail) -> WarmStart | None:
    return read_warm_start(folder, url, model, NOW, warn=warn)


def save(folder: Path, *entries: tuple[str, str, WarmStart], warn=pytest.fail) -> None:
    save_warm_start(folder, {(url, model): one for url, model, one in entries}, warn=warn)


def test_what_was_saved_is_found_by_address_and_model(tmp_path: Path) -> None:
    save(tmp_path, (URL, "m", found(40, requests_per_s=9.5)))
    assert read(tmp_path) == found(40, requests_per_s=9.5)
    assert read(tmp_path, model="other") is None
    assert read(tmp_path, "https://b.example/v1") is None


def test_one_address_has_several_spellings(tmp_path: Path) -> None:
    save(tmp_path, ("HTTPS://A.example/v1/", "m", found()))
    assert read(tmp_path) == found()


def test_no_password_and_no_key_gets_into_the_file(tmp_path: Path) -> None:
    save(tmp_path, ("https://user:secret@a.example/v1?key=hidden", "m", found()))
    text = (tmp_path / FILE_NAME).read_text()
    assert "secret" not in text
    assert "hidden" not in text
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_the_rest_is_kept_and_the_same_is_replaced(tmp_path: Path) -> None:
    save(tmp_path, (URL, "m", found(10)), ("https://b.example/v1", "m", found(20)))
    save(tmp_path, (URL, "m", found(30)))
    assert read(tmp_path) == found(30)
    assert read(tmp_path, "https://b.example/v1") == found(20)


@pytest.mark.parametrize("age", [timedelta(days=7, seconds=1), timedelta(seconds=-1)], ids=["too old", "of the future"])
def test_what_cannot_be_trusted_counts_for_nothing(tmp_path: Path, age: timedelta) -> None:
    save(tmp_path, (URL, "m", found(age=age)))
    assert read(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "\xff",
        '{"schema_version": 2, "entries": []}',
        '{"schema_version": 1, "entries": [{"url": "a", "model": null, "found": {"workers": 0}}]}',
    ],
)
def test_a_damaged_file_is_set_aside_and_told_of_once(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_bytes(text.encode("latin-1"))
    told: list[str] = []
    assert read(tmp_path, warn=told.append) is None
    assert read(tmp_path, warn=told.append) is None
    assert len(told) == 1
    assert (tmp_path / f"{FILE_NAME}.unreadable").exists()


def test_a_folder_that_cannot_be_written_is_told_of_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told: list[str] = []
    save(tmp_path / "file" / "state", (URL, "m", found()), warn=told.append)
    assert len(told) == 1
    assert "is not kept" in told[0]


# of the command, for the run -----------------------------------------------------------------------------------------


def config(*weights: float, workers: int | str = "auto") -> RunConfig:
    endpoints = [{"url": f"http://{place}.example/v1", "weight": weight} for place, weight in enumerate(weights)]
    return RunConfig.model_validate(
        {
            "cases": {"path": "a.jsonl"},
            "provider": {"type": "openai", "model": "m", "endpoints": endpoints},
            "concurrency": {"workers": workers},
        }
    )


def findings(workers: int, **changes: Any) -> Findings:
    usual = {"requests_per_s": None, "limited_by": "server", "levels": (), "paces": (), "probes": 9}
    return Findings(workers=workers, **{**usual, **changes})


def test_the_next_run_begins_with_what_was_found(tmp_path: Path) -> None:
    assert remember_tuned(config(1), findings(90), tmp_path, pytest.fail)
    assert known_limits(config(1), tmp_path, pytest.fail) == {0: 90}


def test_a_run_with_a_fixed_number_does_not_look(tmp_path: Path) -> None:
    remember_tuned(config(1), findings(90), tmp_path, pytest.fail)
    assert known_limits(config(1, workers=8), tmp_path, pytest.fail) == {}


def test_several_endpoints_have_their_share_by_weight(tmp_path: Path) -> None:
    remember_tuned(config(3, 1), findings(90, requests_per_s=20.0), tmp_path, pytest.fail)
    assert known_limits(config(3, 1), tmp_path, pytest.fail) == {0: 68, 1: 23}
    entries = json.loads((tmp_path / FILE_NAME).read_text())["entries"]
    assert [entry["found"]["requests_per_s"] for entry in entries] == [15.0, 5.0]


@pytest.mark.parametrize("limit", ["budget", "latency"])
def test_a_search_that_was_cut_short_is_not_remembered(tmp_path: Path, limit: str) -> None:
    assert not remember_tuned(config(1), findings(4, limited_by=limit), tmp_path, pytest.fail)
    assert not (tmp_path / FILE_NAME).exists()
