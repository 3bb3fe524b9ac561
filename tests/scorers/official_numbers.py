"""One official number beside ours; the public data, and what the scorers say about it."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalperf.config.load import load_config
from evalperf.records import Case, Score
from evalperf.scorers import NO_ANSWER, open_scorers
from tests.scorers.samples import ADAPTER, make_response

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"

Item = tuple[Case, str]
"""A case, and an answer to it."""


@dataclass(frozen=True)
class Row:
    """One number of the table."""

    data: str
    scorer: str
    number: str
    official: float
    ours: float

    @property
    def agrees(self) -> bool:
        """Counts exactly, sums and means to 1e-9."""
        if isinstance(self.official, int):
            return self.ours == self.official
        return math.isclose(self.ours, self.official, rel_tol=1e-9)

    def cells(self) -> str:
        """As it stands in the table."""
        return f"| {self.data} | {self.scorer} | {self.number} | {shown(self.official)} | {shown(self.ours)} |"


def shown(number: float) -> str:
    """With thousands, or to the last digit."""
    return f"{number:,}" if isinstance(number, int) else repr(number)


def rows_of(name: str) -> list[dict[str, Any]]:
    """The rows of a file of the public data."""
    path = DATA / name
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def numbers_of(folder: str) -> dict[str, Any]:
    """Its official numbers, by their id."""
    document = json.loads((DATA / folder / "expected_numbers.json").read_text(encoding="utf-8"))
    return {entry["id"]: entry for entry in document["numbers"]}


async def scores_of(config: Any, items: Iterable[Item], base_dir: Path = ROOT) -> list[Score]:
    """What one scorer says."""
    async with open_scorers([ADAPTER.validate_python(config)], base_dir) as (scorer,):
        return list(await asyncio.gather(*(scorer.score(case, make_response(text)) for case, text in items)))


async def scores_of_example(example: str, scorer: str, items: Iterable[Item]) -> list[Score]:
    """What a scorer of an example configuration says."""
    loaded = load_config(ROOT / "configs" / "examples" / example)
    (config,) = (one for one in loaded.config.scorers if (one.name or one.type) == scorer)
    async with open_scorers([config], loaded.base_dir) as (opened,):
        return [await opened.score(case, make_response(text)) for case, text in items]


def right(scores: Iterable[Score]) -> int:
    """Answers that pass."""
    return sum(score.passed is True for score in scores)


def without_answer(scores: Iterable[Score]) -> int:
    """Answers in which nothing was found."""
    return sum(score.reason == NO_ANSWER for score in scores)


def added(scores: Iterable[Score]) -> float:
    """The sum of the values."""
    return math.fsum(score.value for score in scores)


def joined(folder: str, responses: str, cases: str = "cases.jsonl") -> list[Item]:
    """Cases and answers, joined by id; an answer's own target wins."""
    by_id = {row["id"]: row for row in rows_of(f"{folder}/{cases}")}
    items = []
    for row in rows_of(f"{folder}/{responses}"):
        case = by_id[row["id"]]
        target = row.get("expected", case["expected"])
        choices = case.get("options")
        items.append(
            (
                Case(
                    seq=1,
                    id=row["id"],
                    input=case["input"],
                    target=tuple(target) if isinstance(target, list) else target,
                    choices=None if choices is None else tuple(choices),
                    metadata={"task": case.get("task"), "category": case.get("category")},
                ),
                row["response"],
            )
        )
    return items
