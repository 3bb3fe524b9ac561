from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from evalperf.records import Case, Response, Score
from evalperf.scorers import Scorer, open_scorers
from tests.scorers.samples import ADAPTER, Target, make_case, make_response

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture
async def open_one(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Opens one scorer from its configuration; closed at the end of the test."""
    async with AsyncExitStack() as stack:

        async def open_(config: str | dict[str, Any], base_dir: Path = tmp_path) -> Scorer:
            (scorer,) = await stack.enter_async_context(open_scorers([ADAPTER.validate_python(config)], base_dir))
            return scorer

        yield open_


@pytest.fixture
async def judge(open_one: Callable[..., Any]) -> Callable[..., Any]:
    """Scores one text by one configuration."""

    async def judge_(
        config: str | dict[str, Any], text: str, target: Target = None, *, choices: tuple[str, ...] | None = None
    ) -> Score:
        scorer = await open_one(config)
        return await scorer.score(make_case(target, choices=choices), make_response(text))

    return judge_


@pytest.fixture
def data_rows() -> Callable[[str], list[dict[str, Any]]]:
    """The rows of a file of the recorded public data; skips the test where there are none."""

    def rows(name: str) -> list[dict[str, Any]]:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"no {name} beside the repository")
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    return rows


@pytest.fixture
def joined(data_rows: Callable[[str], list[dict[str, Any]]]) -> Callable[..., Iterator[tuple[Case, Response, Any]]]:
    """Case, response and the raw row of the answer, joined by id."""

    def join(folder: str, responses: str, cases: str = "cases.jsonl") -> Iterator[tuple[Case, Response, Any]]:
        by_id = {row["id"]: row for row in data_rows(f"{folder}/{cases}")}
        for row in data_rows(f"{folder}/{responses}"):
            case = by_id[row["id"]]
            yield (
                Case(
                    seq=1,
                    id=row["id"],
                    input=case["input"],
                    target=_frozen(case["expected"]),
                    choices=_frozen(case.get("options")),
                    metadata={name: case[name] for name in ("task", "category") if name in case},
                ),
                make_response(row["response"], _frozen(row.get("expected"))),
                row,
            )

    return join


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
