"""The clock on the wall may jump: it stamps files and ages caches; no latency, limit or timeout hears of it."""

from __future__ import annotations

import re

from tests.faults.processes import ROOT

WALL = re.compile(r"\b(?:utc_now|utc_stamp|unix_s)\b")

ALLOWED = {
    "cache/": "how old an entry is, over processes",
    "cli/cache.py": "the same, for those who ask",
    "cli/cache_text.py": "the same",
    "clock.py": "where it is read",
    "directory.py": "the names and stamps of runs",
    "estimate/duration.py": "how old is what was learned",
    "learned.py": "how old is what was learned",
    "pipeline/evaluate.py": "`started_at` of a row",
    "providers/refusals.py": "a date that a server has sent, where it does not tell its own",
    "resilience/ratelimit_headers.py": "the same of a limit's reset",
    "results/lock.py": "since when a run is worked on",
    "simulator/": "stamps of answers and certificates",
}


def test_only_stamps_and_ages_read_the_clock_on_the_wall() -> None:
    """Latencies, limits, breakers, retries, budgets and timeouts go by the clock of the loop, which never jumps."""
    package = ROOT / "evalperf"
    readers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if WALL.search(path.read_text(encoding="utf-8"))
    }
    assert {name for name in readers if not name.startswith(tuple(ALLOWED))} == set()
    assert [place for place in ALLOWED if not any(name.startswith(place) for name in readers)] == []
