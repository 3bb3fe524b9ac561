"""Counting and sampling in one pass: exactly the run's own cases, each as likely as another."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evalperf.cases import build_prompt
from evalperf.config.load import LoadedConfig, load_config
from evalperf.errors import InputError
from evalperf.estimate.population import Population, read_population
from evalperf.pipeline.response_keys import ResponseKeys
from tests.support.virtual_loop import run_virtual


def loaded(folder: Path, lines: list[Any], **more: Any) -> LoadedConfig:
    (folder / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    config = {
        "cases": {"path": "cases.jsonl", **more.pop("cases", {})},
        "provider": {"type": "openai", "model": "m", "endpoints": [{"url": "http://127.0.0.1:9/v1"}]},
        **more,
    }
    (folder / "x.json").write_text(json.dumps(config), encoding="utf-8")
    return load_config(folder / "x.json")


def numbered(count: int) -> list[dict[str, str]]:
    """Case n has n letters."""
    return [{"id": f"c{n}", "input": "x" * n} for n in range(1, count + 1)]


def read(of: LoadedConfig, *, size: int = 1000, keys: bool = False, wanted: Any = ()) -> Population:
    async def work() -> Population:
        prompt = build_prompt(of.config.prompt, of.base_dir)
        key_of = ResponseKeys(of.config.provider, of.config.cache) if keys else None
        return await read_population(of, prompt, key_of, size=size, wanted=wanted)

    return run_virtual(work())


def sizes(found: Population) -> list[int]:
    return [one.text_bytes for one in found.sample]


def test_a_small_input_is_taken_whole(tmp_path: Path) -> None:
    found = read(loaded(tmp_path, numbered(5)))
    assert (found.cases, sizes(found), found.first_prompt) == (5, [1, 2, 3, 4, 5], "x")


@pytest.mark.parametrize(
    ("cases", "count"),
    [
        ({"limit": 7}, 7),
        ({"where": "id != 'c3'"}, 19),
        ({"sample": 4}, 4),
        ({"epochs": 3}, 20),
        ({"on_duplicate": "keep_first"}, 20),
    ],
)
def test_the_cases_are_those_of_the_run(tmp_path: Path, cases: dict[str, Any], count: int) -> None:
    assert (
        read(
            loaded(
                tmp_path,
                [*numbered(20), {"id": "c1", "input": "again"}][: 21 if "on_duplicate" in cases else 20],
                cases=cases,
            )
        ).cases
        == count
    )


def test_what_ends_the_run_ends_the_dry_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="duplicate id"):
        read(loaded(tmp_path, [*numbered(3), {"id": "c1", "input": "again"}]))


def test_an_empty_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no case to run"):
        read(loaded(tmp_path, []))


def test_the_sample_is_the_same_for_the_same_seed_and_another_for_another(tmp_path: Path) -> None:
    def drawn(seed: int) -> list[int]:
        return sizes(read(loaded(tmp_path, numbered(300), cases={"seed": seed}), size=20))

    assert drawn(1) == drawn(1) != drawn(2)


def test_each_case_is_as_likely_as_another(tmp_path: Path) -> None:
    """600 draws of 5 from 30: each case 100 times, give or take five standard deviations."""
    times: Counter[int] = Counter()
    for seed in range(600):
        drawn = sizes(read(loaded(tmp_path, numbered(30), cases={"seed": seed}), size=5))
        assert len(set(drawn)) == 5
        times.update(drawn)
    assert set(times) == set(range(1, 31))
    assert all(abs(count - 100) < 5 * (100 * 5 / 6) ** 0.5 for count in times.values())


def test_wanted_cases_come_beside_the_sample(tmp_path: Path) -> None:
    found = read(loaded(tmp_path, numbered(50)), size=3, wanted={7, 49, 1000})
    assert {seq: one.text_bytes for seq, one in found.paired.items()} == {7: 7, 49: 49}
    assert len(found.sample) == 3


def test_text_is_counted_in_utf8_over_all_messages(tmp_path: Path) -> None:
    found = read(loaded(tmp_path, [{"input": "äöü"}], prompt={"system": "Be brief."}))
    assert (sizes(found), found.sample[0].messages) == ([6 + 9], 2)


def test_pictures_are_not_text(tmp_path: Path) -> None:
    content = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:…"}}]
    found = read(loaded(tmp_path, [{"input": [{"role": "user", "content": content}]}]))
    assert (sizes(found), found.sample[0].opaque) == ([4], True)


def test_a_case_without_a_prompt_asks_nothing(tmp_path: Path) -> None:
    lines = [{"id": "a", "input": "x", "more": "y"}, {"id": "b", "input": "x"}]
    found = read(loaded(tmp_path, lines, prompt={"template": "{{ input }}{{ more }}"}))
    assert [len(one.keys) for one in found.sample] == [1, 0]


@pytest.mark.parametrize(
    ("params", "prompt", "requests"),
    [
        ({"temperature": 0}, {}, 1),
        ({"temperature": 0}, {"template": "{{ epoch }}: {{ input }}"}, 4),
        ({"temperature": 1}, {}, 4),
    ],
)
def test_epochs_that_nothing_tells_apart_share_one_request(
    tmp_path: Path, params: dict[str, Any], prompt: dict[str, Any], requests: int
) -> None:
    """As in the run, where the cache answers the others."""
    section = {"type": "openai", "model": "m", "params": params, "endpoints": [{"url": "http://127.0.0.1:9/v1"}]}
    of = loaded(tmp_path, numbered(1), provider=section, prompt=prompt, cases={"epochs": 4})
    assert len(read(of, keys=True).sample[0].keys) == requests
    assert len(read(of, keys=False).sample[0].keys) == 4
