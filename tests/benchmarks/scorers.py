"""What scorers cost a case: microseconds of CPU for one answer, the scorer's whole way included."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from evalperf.config.scorers import ScorerConfig
from evalperf.records import Call, Case, Completion, Response
from evalperf.scorers import open_scorers
from tests.benchmarks.measure import verdict

ANSWERS = 200
ROUNDS = 9
PERCENT_IN_PROCESSES = 20.0

WORDS = [
    f"{stem}{ending}" for stem in ("walk", "talk", "jump", "river", "stone", "green", "house", "light")
    for ending in ("", "s", "ed", "ing", "er", "less", "-like", ",", ".")
]  # fmt: skip
BARS: dict[str, tuple[Any, str, float]] = {
    "exact": ("exact", "text", 5),
    "includes": ({"type": "includes", "values": ["walkless rivers."]}, "text", 5),
    "number, an integer": ("number", "integer", 5),
    "number, a decimal": ("number", "decimal", 5),
    "number, marked": ({"type": "number", "marker": "A:"}, "marked", 5),
    "squad_f1": ("squad_f1", "text", 30),
    "rouge, rougeL": ("rouge", "text", 100),
}
"""Scorer, kind of answer, most microseconds. Texts have 100 words."""
OTHERS = {
    "squad_em": ("squad_em", "text"),
    "normalized": ("normalized", "text"),
    "starts_with": ("starts_with", "text"),
    "regex": ({"type": "regex", "pattern": "river.+stone"}, "text"),
    "levenshtein": ("levenshtein", "text"),
    "fuzzy": ("fuzzy", "text"),
    "length": ({"type": "length", "max": 10, "unit": "words"}, "text"),
    "choice": ("choice", "choice"),
    "rouge, rouge1": ({"type": "rouge", "variant": "rouge1"}, "text"),
    "rouge, rouge2": ({"type": "rouge", "variant": "rouge2"}, "text"),
    "rouge, rougeLsum": ({"type": "rouge", "variant": "rougeLsum"}, "text"),
    "rouge, stemmer": ({"type": "rouge", "stemmer": True}, "text"),
    "json_valid": ("json_valid", "json"),
    "json_equal": ("json_equal", "json"),
}


def pairs(kind: str) -> list[tuple[str, str]]:
    """Answers and targets, the same in every sitting."""
    rng = random.Random(7)
    texts = [" ".join(rng.choices(WORDS, k=100)) for _ in range(2 * ANSWERS)]
    numbers = [rng.randrange(10, 10_000) for _ in range(ANSWERS)]
    if kind == "integer":
        return [(f"{text} So it is {n}.", str(n)) for text, n in zip(texts, numbers, strict=False)]
    if kind == "decimal":
        return [
            (f"{text} It costs ${n / 100:.2f} in all.", f"{n / 100}") for text, n in zip(texts, numbers, strict=False)
        ]
    if kind == "marked":
        return [(f"{text}\nA: {n:,}", str(n)) for text, n in zip(texts, numbers, strict=False)]
    if kind == "choice":
        return [(f"{text} The answer is ({'ABCD'[n % 4]}).", "B") for text, n in zip(texts, numbers, strict=False)]
    if kind == "json":
        return [(f'{{"id": {n}, "name": "{text[:12]}"}}',) * 2 for text, n in zip(texts, numbers, strict=False)]
    return list(zip(texts[:ANSWERS], texts[ANSWERS:], strict=True))


async def cost_us(config: Any, kind: str) -> float:
    """The quickest of several rounds: what others do on the machine only ever adds."""
    adapter: TypeAdapter[Any] = TypeAdapter(ScorerConfig)
    items = [
        (Case(seq=1, id="a", input="?", target=target), Response(completion=Completion(text=answer), call=Call()))
        for answer, target in pairs(kind)
    ]
    async with open_scorers([adapter.validate_python(config)], Path()) as (scorer,):
        best = float("inf")
        for _ in range(ROUNDS):
            began = time.process_time()
            for case, response in items:
                await scorer.score(case, response)
            best = min(best, time.process_time() - began)
    return best / len(items) * 1e6


async def offloaded() -> tuple[float, float]:
    """Microseconds of CPU of this process for one chrf: in the loop, and in processes."""
    adapter: TypeAdapter[Any] = TypeAdapter(ScorerConfig)
    items = pairs("text")
    async with open_scorers([adapter.validate_python("chrf")], Path()) as (scorer,):

        async def score_all() -> float:
            began = time.process_time()
            await asyncio.gather(
                *(
                    scorer.score(
                        Case(seq=1, id="a", input="?", target=target),
                        Response(completion=Completion(text=answer), call=Call()),
                    )
                    for answer, target in items
                )
            )
            return (time.process_time() - began) / len(items) * 1e6

        inline = await score_all()
        for _ in range(3):
            in_processes = await score_all()
    return inline, in_processes


async def main() -> None:
    """Prints each cost, with its bar where it has one."""
    for name, (config, kind, bar) in BARS.items():
        verdict(f"{name}, µs", await cost_us(config, kind), bar, at_most=True)
    for name, (config, kind) in OTHERS.items():
        print(f"  {name}, µs: {await cost_us(config, kind):,.1f}")
    inline, in_processes = await offloaded()
    share = 100 * in_processes / inline
    verdict("chrf in processes, percent of its cost in the loop", share, PERCENT_IN_PROCESSES, at_most=True)


if __name__ == "__main__":
    asyncio.run(main())
