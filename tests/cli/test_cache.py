"""`evalperf cache`: counts, removes what is named and nothing else, and asks before it does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from evalperf.cache import Provenance, open_cache
from evalperf.cli.app import app
from evalperf.clock import unix_s
from evalperf.config.cache import TieredCacheConfig
from tests.support.redis_server import redis_server

PROVIDER = {
    "type": "openai",
    "model": "m",
    "params": {"temperature": 0},
    "endpoints": [{"url": "http://127.0.0.1:1/v1"}],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    Path("cases.jsonl").write_text('{"id": "qa-1", "input": "2 + 2?"}\n{"id": "qa-2", "input": "3 + 3?"}\n')
    return tmp_path / "xdg" / "evalperf"


def fill(folder: Path, name: str = "responses", *, age_s: float = 0, **config: Any) -> None:
    async def work() -> None:
        now_s = unix_s() - age_s
        async with open_cache(TieredCacheConfig(**config), name, folder, now=lambda: now_s) as cache:
            await cache.set(b"1" * 16, b"one", Provenance("qa-1", "small", 0.5))
            await cache.set(b"2" * 16, b"two", Provenance("qa-2", "large"))
            await cache.get(b"1" * 16)

    asyncio.run(work())


def cache(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["cache", *arguments], input=stdin)


def document(*arguments: str) -> Any:
    result = cache(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["schema_version"] == 1
    return found


def entries(name: str = "responses") -> int | None:
    disk = document("stats", "--name", name)["caches"][0]["disk"]
    return None if disk is None else disk["entries"]


def write_config(path: str, **sections: Any) -> str:
    Path(path).write_text(json.dumps({"cases": {"path": "cases.jsonl"}, "provider": PROVIDER, **sections}))
    return path


def test_stats_counts_by_model_and_says_what_was_saved(folder: Path) -> None:
    fill(folder)
    facts = document("stats", "--name", "responses")["caches"][0]
    assert facts["path"] == str(folder / "responses.sqlite")
    assert facts["disk"]["entries"] == 2
    assert [(one["model"], one["entries"], one["cost_usd"]) for one in facts["disk"]["models"]] == [
        ("large", 1, None),
        ("small", 1, 0.5),
    ]
    assert facts["disk"]["counters"]["hits_memory"] == 1
    text = cache("stats").stdout
    assert "2 entries" in text
    assert "small: 1 entries, $0.5000" in text
    assert "large: 1 entries, cost not known" in text
    assert "100.0% of 1 lookups found; 1 calls saved, $0.5000 of known cost saved" in text


def test_stats_of_what_is_not_there_makes_no_file(folder: Path) -> None:
    assert "no file yet" in cache("stats").stdout
    assert not folder.exists()


def test_a_configuration_says_where_its_caches_are(folder: Path) -> None:
    config = write_config("c.json", cache={"responses": {"path": "here/mine.db"}, "scores": {"strategy": "off"}})
    fill(Path(), path="here/mine.db")
    caches = document("stats", config)["caches"]
    assert {one["name"]: one["disk"] and one["disk"]["entries"] for one in caches} == {
        "responses": 2,
        "embeddings": None,
        "queries": None,
    }


@pytest.mark.parametrize("command", [["clear"], ["prune", "--to-mb", "0"], ["invalidate", "--model", "small"]])
def test_nothing_is_removed_that_nobody_has_confirmed(folder: Path, command: list[str]) -> None:
    fill(folder)
    result = cache(*command, "--name", "responses")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert entries() == 2


def test_clear_removes_one_cache_and_leaves_the_others(folder: Path) -> None:
    fill(folder)
    fill(folder, "scores")
    result = cache("clear", "--name", "responses", "--yes")
    assert result.stdout == "removed 2 entries: 2 of responses\n"
    assert (entries("responses"), entries("scores")) == (0, 2)


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--id", "qa-1"], 1),
        (["--glob", "qa-*"], 0),
        (["--regex", "2$"], 1),
        (["--model", "large"], 1),
        (["--older-than", "1h"], 2),
        (["--older-than", "0s"], 0),
        (["--glob", "qa-*", "--model", "other"], 2),
    ],
)
def test_invalidate_removes_what_is_meant(folder: Path, options: list[str], left: int) -> None:
    fill(folder)
    would = document("invalidate", *options, "--dry-run")
    assert (would["removed"], would["entries"]) == (False, 2 - left)
    assert entries() == 2
    done = document("invalidate", *options, "--yes")
    assert (done["removed"], done["entries"]) == (True, 2 - left)
    assert entries() == left


def test_prune_removes_what_has_expired_and_asks_nobody(folder: Path) -> None:
    fill(folder, age_s=7200)
    fill(folder, "scores")
    assert cache("prune").stdout == "removed 2 entries: 2 of responses\n"
    assert (entries("responses"), entries("scores")) == (0, 2)


def test_prune_to_a_size_removes_what_is_above_it(folder: Path) -> None:
    fill(folder)
    assert document("prune", "--to-mb", "0", "--yes")["entries"] == 2
    assert entries() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["invalidate"], "nothing says which entries are meant"),
        (["invalidate", "--older-than", "3 days"], '--older-than: found "3 days"'),
        (["invalidate", "--regex", "("], "--regex: ("),
        (["stats", "--name", "answers"], '--name: found "answers", expected one of responses'),
        (["stats", "--set", "cache.responses.disk=false"], "none is named"),
    ],
)
def test_a_wrong_flag_is_named(folder: Path, arguments: list[str], message: str) -> None:
    result = cache(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_damaged_file_is_named_and_left(folder: Path) -> None:
    fill(folder)
    path = folder / "responses.sqlite"
    path.write_bytes(b"no database " * 1_000)
    result = cache("stats")
    assert result.exit_code == 3
    assert str(path) in result.stderr
    assert path.exists()


def test_redis_is_counted_and_cleared_where_a_configuration_names_it(folder: Path, tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        config = write_config("c.json", cache={"responses": {"redis_url": server.url, "disk": False}})
        fill(folder, redis_url=server.url, disk=False)
        assert document("stats", config, "--name", "responses")["caches"][0]["redis_entries"] == 2
        assert document("clear", config, "--name", "responses", "--yes")["entries"] == 2
        assert document("stats", config, "--name", "responses")["caches"][0]["redis_entries"] == 0


def test_explain_shows_the_parts_of_a_key(folder: Path) -> None:
    config = write_config("c.json", prompt={"system": "Be brief."})
    found = document("explain", config, "qa-1")
    assert len(found["key"]) == 32
    assert found["found_in"] == []
    assert found["parts"] == {
        "type": "openai",
        "model": "m",
        "api": "chat",
        "params": {"temperature": 0},
        "family": "http://127.0.0.1:1/v1",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}],
        "epoch": None,
    }
    text = cache("explain", config, "qa-1").stdout
    assert found["key"] in text
    assert 'params: {"temperature": 0}' in text


def test_explain_says_where_the_answer_is(folder: Path) -> None:
    config = write_config("c.json")
    key = bytes.fromhex(document("explain", config, "qa-1")["key"])

    async def store() -> None:
        async with open_cache(TieredCacheConfig(), "responses", folder) as opened:
            await opened.set(key, b"4")

    asyncio.run(store())
    assert document("explain", config, "qa-1")["found_in"] == ["disk"]
    assert document("explain", config, "qa-2")["found_in"] == []


def test_explain_says_why_two_keys_differ(folder: Path) -> None:
    here = write_config("here.json")
    there = write_config(
        "there.json", provider={**PROVIDER, "params": {"temperature": 1, "stop": ["\n"]}}, prompt={"system": "Hm."}
    )
    differences = document("explain", here, "qa-1", "--against", there)["against"]["differences"]
    assert [one["part"] for one in differences] == [
        "epoch",
        "messages.0.content",
        "messages.0.role",
        "messages.1",
        "params.stop",
        "params.temperature",
    ]
    text = cache("explain", here, "qa-1", "--against", there).stdout
    assert "params.temperature: 0 here, 1 there" in text


@pytest.mark.parametrize(
    "sections",
    [
        {"concurrency": {"workers": 7, "worker_timeout_s": 5}},
        {"retry": {"attempts": 1}},
        {"cache": {"responses": {"ttl_s": 7, "max_entries": 3, "strategy": "lru"}}},
        {"provider": {**PROVIDER, "timeouts": {"attempt_s": 3}}},
        {"provider": {**PROVIDER, "params": {"temperature": 0.0}}},
        {"provider": {**PROVIDER, "stream": True}},
        {"provider": {**PROVIDER, "endpoints": [*PROVIDER["endpoints"], {"url": "http://127.0.0.1:2/v1"}]}},
        {"provider": {**PROVIDER, "endpoints": [{"url": "http://127.0.0.1:1/v1/", "api_key": "${HOME}"}]}},
        {"scorers": ["exact"], "output": {"dir": "elsewhere"}},
        {"cases": {"path": "cases.jsonl", "limit": 1, "epochs": 3}},
    ],
    ids=lambda sections: next(iter(sections)),
)
def test_what_decides_no_answer_changes_no_key(folder: Path, sections: dict[str, Any]) -> None:
    before = document("explain", write_config("a.json"), "qa-1")["key"]
    assert document("explain", write_config("b.json", **sections), "qa-1")["key"] == before


@pytest.mark.parametrize(
    "sections",
    [
        {"prompt": {"template": "Q: {{ input }}"}},
        {"prompt": {"system": "Be brief."}},
        {"provider": {**PROVIDER, "model": "n"}},
        {"provider": {**PROVIDER, "api": "completions"}},
        {"provider": {**PROVIDER, "params": {"temperature": 0, "tools": [{"type": "function"}]}}},
        {"provider": {**PROVIDER, "params": {"temperature": 0, "seed": 1}}},
        {"provider": {**PROVIDER, "endpoints": [{"url": "http://127.0.0.1:2/v1"}]}},
        {"cache": {"key_hash": "sha256"}},
        {"cache": {"responses": {"family": "mine"}}},
    ],
    ids=lambda sections: next(iter(sections)),
)
def test_what_decides_an_answer_changes_the_key(folder: Path, sections: dict[str, Any]) -> None:
    before = document("explain", write_config("a.json"), "qa-1")["key"]
    assert document("explain", write_config("b.json", **sections), "qa-1")["key"] != before


def test_a_sampled_answer_has_a_key_for_each_epoch_or_none(folder: Path) -> None:
    sampled = {"provider": {**PROVIDER, "params": {"temperature": 1}}, "cases": {"path": "cases.jsonl", "epochs": 2}}
    config = write_config("a.json", **sampled)
    keys = {document("explain", config, "qa-1", "--epoch", epoch)["key"] for epoch in ("1", "2")}
    assert len(keys) == 2
    bypassed = write_config("b.json", **sampled, cache={"responses": {"sampled": "bypass"}})
    assert document("explain", bypassed, "qa-1")["key"] is None
    assert "bypass" in cache("explain", bypassed, "qa-1").stdout


def test_explaining_a_case_that_is_not_there_says_so(folder: Path) -> None:
    result = cache("explain", write_config("c.json"), "qa-9")
    assert result.exit_code == 2
    assert 'no case with the id "qa-9"' in result.stderr
