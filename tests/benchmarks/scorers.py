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
ROUNDS = 40
PERCENT_IN_PROCESSES = 25.0

COMMON_WORDS = (
    "the of and to in a is that for it was on are as with they at be this from have by one had not but what all were "
    "when we there can an your which their said if do will each about how up out them then she many some so these "
    "would other into has more her two like him see time could no make than first been its who now people my made "
    "over did down only way find use may water long little very after words called just where most know river stone "
    "house walked, talking. green-eyed children don't January (perhaps) light; question: twenty-one mountain's"
)
"""English, the most common first."""
WORDS = COMMON_WORDS.split()
BARS: dict[str, tuple[Any, str, float]] = {
    "exact": ("exact", "text", 5),
    "includes": ({"type": "includes", "values": ["twenty-one green-eyed"]}, "text", 5),
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
    weights = [1 / rank for rank in range(3, len(WORDS) + 3)]  # Zipf's law, roughly
    texts = [" ".join(rng.choices(WORDS, weights, k=100)) for _ in range(2 * ANSWERS)]
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


async def costs_us(what: dict[str, tuple[Any, str]]) -> dict[str, float]:
    """Of each scorer the quickest of several rounds that take turns: what others do on the machine only ever adds."""
    adapter: TypeAdapter[Any] = TypeAdapter(ScorerConfig)
    configs = [adapter.validate_python(config) for config, _ in what.values()]
    items = {
        kind: [
            (Case(seq=1, id="a", input="?", target=target), Response(completion=Completion(text=answer), call=Call()))
            for answer, target in pairs(kind)
        ]
        for _, kind in what.values()
    }
    best: dict[str, float] = {}
    async with open_scorers(configs, Path()) as scorers:
        for _ in range(ROUNDS):
            for scorer, (name, (_, kind)) in zip(scorers, what.items(), strict=True):
                began = time.process_time()
                for case, response in items[kind]:
                    await scorer.score(case, response)
                cost = (time.process_time() - began) / ANSWERS * 1e6
                best[name] = min(cost, best.get(name, cost))
    return best


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
    costs = await costs_us({**{name: (config, kind) for name, (config, kind, _) in BARS.items()}, **OTHERS})
    for name, (_, _, bar) in BARS.items():
        verdict(f"{name}, µs", costs[name], bar, at_most=True)
    for name in OTHERS:
        print(f"  {name}, µs: {costs[name]:,.1f}")
    inline, in_processes = await offloaded()
    share = 100 * in_processes / inline
    verdict("chrf in processes, percent of its cost in the loop", share, PERCENT_IN_PROCESSES, at_most=True)


if __name__ == "__main__":
    asyncio.run(main())
