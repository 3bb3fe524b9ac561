"""Answers and earlier cases found by meaning, in whole runs against a server that counts its calls."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from evalperf.config.load import load_config
from evalperf.errors import ConfigError
from evalperf.events import Bus
from evalperf.records import Result
from evalperf.results import RunDirectory, read_results
from evalperf.run import RunOptions, run
from evalperf.simulator import SimulatorOptions, serve

EMBEDDER = """
import math

def degrees(texts):
    \"\"\"Each text ends in an angle; the likeness of two texts is the cosine between theirs.\"\"\"
    angles = [math.radians(float(text.rsplit(" ", 1)[-1])) for text in texts]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]

def echo(prompt: str) -> str:
    return prompt

def broken(texts):
    raise ValueError("ill")
"""


@pytest.fixture
async def server() -> AsyncIterator[str]:
    async with serve(SimulatorOptions(latency_s=0.001)) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "angles.py").write_text(EMBEDDER)
    return tmp_path


def write_cases(folder: Path, *questions: str) -> None:
    lines = [json.dumps({"id": question, "input": question, "target": "x"}) for question in questions]
    (folder / "cases.jsonl").write_text("\n".join(lines))


async def go(folder: Path, server: str, **sections: Any) -> tuple[dict[str, Result], dict[str, Any]]:
    """Runs once; the results by id, and the report."""
    config = {
        "cases": {"path": "cases.jsonl"},
        "provider": {
            "type": "openai",
            "model": "small",
            "params": {"temperature": 0},
            "endpoints": [{"url": server, "auth": "none"}],
        },
        "concurrency": {"workers": 1},
        "output": {"dir": "results", "include_input": True},
        "scorers": ["includes"],
        **sections,
    }
    (folder / "c.json").write_bytes(orjson.dumps(config))
    outcome = await run(load_config(folder / "c.json"), RunOptions(), Bus())
    directory = RunDirectory(Path(outcome.report.document["run"]["dir"]))
    return {result.id: result for result in read_results(directory)}, outcome.report.document


async def calls(server: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(server.removesuffix("/v1") + "/stats") as reply:
        return int((await reply.json())["requests"])


def semantic(call: str = "angles:degrees", threshold: float = 0.99) -> dict[str, Any]:
    return {"semantic": {"embedder": {"type": "function", "call": call}, "threshold": threshold}}


async def test_a_near_question_takes_the_earlier_answer_and_says_so(folder: Path, server: str) -> None:
    """Two degrees apart is near, ninety is not."""
    write_cases(folder, "cat 0", "a cat 2", "car 90")
    results, _ = await go(folder, server, cache=semantic())
    assert {id_: result.cached for id_, result in results.items()} == {
        "cat 0": None,
        "a cat 2": "semantic",
        "car 90": None,
    }
    assert results["a cat 2"].output == results["cat 0"].output
    assert results["a cat 2"].cost_usd == 0.0
    assert await calls(server) == 2


async def test_a_later_run_finds_the_questions_of_an_earlier_one(folder: Path, server: str) -> None:
    write_cases(folder, "cat 0")
    await go(folder, server, cache=semantic())
    write_cases(folder, "a cat 2")
    results, _ = await go(folder, server, cache=semantic())
    assert results["a cat 2"].cached == "semantic"
    assert await calls(server) == 1


async def test_another_setting_finds_nothing(folder: Path, server: str) -> None:
    """The system message is one of the things that must be the same."""
    write_cases(folder, "cat 0")
    await go(folder, server, cache=semantic())
    write_cases(folder, "a cat 2")
    results, _ = await go(folder, server, cache=semantic(), prompt={"system": "Be brief."})
    assert results["a cat 2"].cached is None


async def test_an_embedder_that_fails_costs_hits_and_no_case(folder: Path, server: str) -> None:
    write_cases(folder, "cat 0", "a cat 2")
    results, _ = await go(folder, server, cache=semantic("angles:broken"))
    assert [result.status for result in results.values()] == ["ok", "ok"]
    assert await calls(server) == 2


async def test_templates_see_the_most_similar_earlier_cases(folder: Path, server: str) -> None:
    """The nearest first, with its answer and its scores; never the case itself."""
    write_cases(folder, "cat 0", "kitten 30", "car 90")
    _, before = await go(folder, server)
    prompt = {
        "template": "{% for one in precedents %}[{{ one.input }}|{{ one.scores.includes }}]{% endfor %} {{ input }}"
    }
    precedents = {
        "embedder": {"type": "function", "call": "angles:degrees"},
        "from": "run",
        "path": f"results/{before['run']['id']}",
        "k": 2,
    }
    write_cases(folder, "a cat 2", "cat 0")
    results, _ = await go(
        folder, server, precedents=precedents, prompt=prompt, provider={"type": "function", "call": "angles:echo"}
    )
    assert results["a cat 2"].output == "[cat 0|0.0][kitten 30|0.0] a cat 2"
    assert results["cat 0"].output == "[kitten 30|0.0][car 90|0.0] cat 0"


async def test_precedents_come_from_a_file_as_well(folder: Path, server: str) -> None:
    rows = [{"id": "a", "input": "cat 0", "output": "meow", "scores": {}}, {"id": "b", "input": "car 90"}]
    (folder / "earlier.jsonl").write_text("\n".join(map(json.dumps, rows)))
    write_cases(folder, "a cat 2")
    results, _ = await go(
        folder,
        server,
        precedents={
            "embedder": {"type": "function", "call": "angles:degrees"},
            "from": "file",
            "path": "earlier.jsonl",
        },
        prompt={"template": "{{ precedents[0].output }} {{ precedents | length }}"},
        provider={"type": "function", "call": "angles:echo"},
    )
    assert results["a cat 2"].output == "meow 1"


async def test_earlier_cases_without_answers_are_refused_before_the_run(folder: Path, server: str) -> None:
    (folder / "earlier.jsonl").write_text('{"id": "b", "input": "car 90"}')
    write_cases(folder, "a cat 2")
    section = {"embedder": {"type": "function", "call": "angles:degrees"}, "from": "file", "path": "earlier.jsonl"}
    with pytest.raises(ConfigError, match="no case with a question and an answer"):
        await go(folder, server, precedents=section)


async def test_a_case_without_precedents_fails_and_is_not_asked_without_them(folder: Path, server: str) -> None:
    """A question that the embedder can't take: its prompt would be another one."""
    (folder / "earlier.jsonl").write_text('{"id": "b", "input": "car 90", "output": "wroom"}')
    write_cases(folder, "a cat 2", "no angle")
    section = {"embedder": {"type": "function", "call": "angles:degrees"}, "from": "file", "path": "earlier.jsonl"}
    results, _ = await go(folder, server, precedents=section)
    assert results["a cat 2"].status == "ok"
    assert results["no angle"].failure is not None
    assert results["no angle"].failure.message.startswith("no precedents: ")
    assert await calls(server) == 1


async def test_a_prompt_that_names_precedents_needs_the_section(folder: Path, server: str) -> None:
    """It would be empty for every case, in silence."""
    write_cases(folder, "a cat 2")
    with pytest.raises(ConfigError, match="precedents"):
        await go(folder, server, prompt={"template": "{{ precedents }} {{ input }}"})


async def test_a_case_may_have_a_field_called_precedents(folder: Path, server: str) -> None:
    """Where nothing else goes by that name."""
    (folder / "cases.jsonl").write_text(json.dumps({"id": "a", "input": "?", "precedents": "mine"}))
    results, _ = await go(
        folder,
        server,
        prompt={"template": "{{ precedents }}"},
        provider={"type": "function", "call": "angles:echo"},
        scorers=[],
    )
    assert results["a"].output == "mine"


async def test_a_judge_sees_the_precedents(folder: Path, server: str) -> None:
    """Quoted like everything that is not an instruction."""
    rows = [{"id": "a", "input": "cat 0", "output": "meow", "scores": {"grade": {"value": 1.0}}}]
    (folder / "earlier.jsonl").write_text("\n".join(map(json.dumps, rows)))
    write_cases(folder, "a cat 2")
    code = "from pathlib import Path\n\ndef judge(prompt: list) -> str:\n"
    code += "    Path('seen.txt').write_text(prompt[1]['content'])\n    return '{}'\n"
    (folder / "judging.py").write_text(code)
    judge = {
        "type": "judge",
        "provider": {"type": "function", "call": "judging:judge"},
        "rubric": {"type": "grade", "criterion": "Is it right?", "scale": [0, 10]},
        "template": "{{ precedents }}\n{{ answer }}\n{{ rubric }}",
    }
    await go(
        folder,
        server,
        precedents={
            "embedder": {"type": "function", "call": "angles:degrees"},
            "from": "file",
            "path": "earlier.jsonl",
        },
        scorers=[judge],
    )
    assert 'Question: cat 0\nAnswer: meow\nScores: {"grade": 1.0}' in Path("seen.txt").read_text()


@pytest.fixture(autouse=True)
def at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
