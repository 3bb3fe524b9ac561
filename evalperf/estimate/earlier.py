"""What an earlier run of the same question to the same model has used: the best guess at what the next one will."""

from __future__ import annotations

from itertools import islice

from msgspec import Struct

from evalperf.cases import Survey
from evalperf.config.load import LoadedConfig
from evalperf.errors import EvalperfError
from evalperf.fingerprint import fingerprint
from evalperf.records import Spent, Usage
from evalperf.results import RunDirectory, list_runs, read_results, read_run_info

__all__ = ["Earlier", "find_earlier"]

MOST_RUNS = 50
"""Of the output folder, the latest ones, are looked at."""
MOST_ROWS = 20_000
"""Of a run, which take an eighth of a second."""
LEAST_ROWS = 2


class Earlier(Struct, frozen=True, kw_only=True):
    """Rows of one run."""

    run_id: str
    usages: dict[int, Usage]
    """By the case's number in the input; of several epochs the last one that was read."""
    same_inputs: bool
    """Whether the numbers mean the same cases as now."""
    latencies_s: list[float]
    """Of calls to the endpoints that are configured now."""
    spent: dict[str, list[Spent]]
    """By scorer, for each answer whose scoring no cache has spared anything."""


def find_earlier(loaded: LoadedConfig, inputs: Survey) -> Earlier | None:
    """The latest run with the same model, parameters and prompt that has rows with usage. Blocks."""
    digests = fingerprint(loaded.config, inputs)
    for directory in reversed(list_runs(loaded.base_dir / loaded.config.output.dir)[-MOST_RUNS:]):
        try:
            earlier = _read(directory, loaded, digests)
        except EvalperfError:
            continue  # another run's damage is no reason to plan nothing
        if earlier is not None and len(earlier.usages) >= LEAST_ROWS:
            return earlier
    return None


def _read(directory: RunDirectory, loaded: LoadedConfig, digests: dict[str, str]) -> Earlier | None:
    info = read_run_info(directory)
    if any(info.fingerprint.get(part) != digests[part] for part in ("provider", "prompt")):
        return None
    same_endpoints = info.config.get("provider") == loaded.raw.get("provider")
    same_scorers = info.fingerprint.get("scorers") == digests["scorers"]
    earlier = Earlier(
        run_id=info.run_id,
        usages={},
        same_inputs=info.fingerprint.get("inputs") == digests["inputs"],
        latencies_s=[],
        spent={},
    )
    for row in islice(read_results(directory, on_damage=lambda _: None), MOST_ROWS):
        if row.usage is not None:
            earlier.usages[row.seq] = row.usage
        if same_endpoints and row.latency_s is not None and row.cached is None:
            earlier.latencies_s.append(row.latency_s)
        if same_scorers:
            for name, score in row.scores.items():
                if isinstance(score.spent, Spent) and not score.spent.cached:
                    earlier.spent.setdefault(name, []).append(score.spent)
    return earlier
