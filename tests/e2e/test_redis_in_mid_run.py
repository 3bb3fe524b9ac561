"""A run whose Redis is stopped and started again: no case fails for it, and the outcome is as configured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalperf.config import load_config
from evalperf.config.load import LoadedConfig
from evalperf.events import Bus, CaseFinished, Event, Noticed
from evalperf.run import Outcome, RunOptions, run
from evalperf.simulator import SimulatorOptions, serve
from tests.support.redis_server import RedisServer, redis_server

CASES = 300
CASES_FILE = Path(__file__).resolve().parents[2] / "sample_data" / "arithmetic.jsonl"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis") as running:
        yield running


def config(folder: Path, url: str, server: RedisServer, **cache: Any) -> LoadedConfig:
    tree = {
        "cases": {"path": str(CASES_FILE), "limit": CASES},
        "provider": {"type": "openai", "model": "small", "endpoints": [{"url": url, "auth": "none"}]},
        "concurrency": {"workers": 8},
        "cache": {"responses": {"redis_url": server.url, "disk": False, "max_entries": 1, **cache}},
        "scorers": ["number"],
        "output": {"dir": "results"},
    }
    path = folder / "redis.json"
    path.write_text(json.dumps(tree))
    return load_config(path)


class Outage:
    """Redis dies after a third of the cases and is there again after two thirds."""

    def __init__(self, server: RedisServer) -> None:
        self.told: list[str] = []
        self._server = server
        self._finished = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Noticed):
            self.told.append(event.message)
        elif isinstance(event, CaseFinished):
            self._finished += 1
            if self._finished == CASES // 3:
                self._server.stop()
            elif self._finished == 2 * CASES // 3:
                self._server.start()


async def outcome_of(folder: Path, server: RedisServer, outage: Outage, **cache: Any) -> Outcome:
    async with serve(SimulatorOptions(latency_s=0.02)) as url:
        options = RunOptions(environ={"XDG_CACHE_HOME": str(folder / "cache")})
        return await run(config(folder, url, server, **cache), options, Bus(outage))


async def test_no_case_fails_while_redis_is_away_and_it_is_told_once(server: RedisServer, tmp_path: Path) -> None:
    outage = Outage(server)
    document = (await outcome_of(tmp_path, server, outage)).report.document
    assert (document["status"], document["cases"]["ok"]) == ("complete", CASES)
    assert len([text for text in outage.told if "is away" in text]) == 1
    assert document["cache"]["session"][0]["redis_failures"] >= 1
    assert document["cache"]["session"][0]["redis_skipped"] >= 1


async def test_the_run_stops_where_that_is_wanted_and_nothing_is_lost(server: RedisServer, tmp_path: Path) -> None:
    outcome = await outcome_of(tmp_path, server, Outage(server), on_redis_away="stop")
    assert outcome.exit_code == 3
    assert "away" in str(outcome.error)
    assert outcome.report.document["cases"]["ok"] >= CASES // 3
