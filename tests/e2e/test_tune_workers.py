"""`tune-workers`: the machine alone, and an endpoint measured."""

from __future__ import annotations

from pathlib import Path


def test_the_machine_alone(document) -> None:
    """Both kinds of work, each with its bounds and reasons."""
    found = document("tune-workers")
    assert found["schema_version"] == 1
    assert found["endpoint"]["workers"] >= found["in_process"]["workers"] >= 1
    assert all(bound["why"] for bound in found["endpoint"]["bounds"])
    assert found["config"] == {"concurrency": {"workers": found["endpoint"]["workers"]}}


def test_an_endpoint_is_measured_at_a_few_levels(house: Path, document) -> None:
    """The simulator has no limit of its own: more workers bring more."""
    quick = house / "configs" / "quick.json"
    text = (house / "configs" / "quickstart.json").read_text().replace('"latency_s": 0.12', '"latency_s": 0.02')
    quick.write_text(text)
    found = document("tune-workers", "configs/quick.json", "--yes", "--max-workers", "8")
    levels = found["probe"]["levels"]
    assert [level["workers"] for level in levels][:2] == [1, 4]
    assert levels[1]["cases_per_s"] > levels[0]["cases_per_s"]
    assert found["config"]["concurrency"]["workers"] == found["probe"]["workers"] <= 8


def test_an_endpoint_that_is_not_there_is_named(house: Path, evalperf) -> None:
    config = house / "configs" / "nobody.json"
    config.write_text(
        '{"cases": {"path": "../sample_data/arithmetic.jsonl"},'
        ' "provider": {"type": "openai", "model": "m", "endpoints": [{"url": "http://127.0.0.1:9/v1"}]}}'
    )
    assert "127.0.0.1:9" in evalperf("tune-workers", "configs/nobody.json", "--yes", code=2).stderr
