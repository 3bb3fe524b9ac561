"""Small pieces of lines, and the few colours: all readable on dark and light, none the only carrier of a meaning."""

from __future__ import annotations

from evalperf.dashboard.draw import Glyphs, Line
from evalperf.dashboard.histogram import quantile_s
from evalperf.dashboard.numbers import clean, count, duration, eta_range, rate
from evalperf.dashboard.snapshot import Snapshot

__all__ = ["BAD", "GOOD", "LIVELY", "QUIET", "WARM", "left", "pace", "quantile", "tally", "words"]

GOOD, LIVELY, WARM, BAD, QUIET = "green3", "cyan", "orange1", "bright_red", "dim"


def tally(sign: str, number: int, word: str, style: str) -> Line:
    """A count with its word; zero is quiet, so that colour is kept for what there is."""
    if number == 0:
        return [(f"{sign}0 {word}", QUIET)]
    return [(f"{sign}{count(number)}", f"bold {style}"), (f" {word}", style)]


def pace(per_s: float | None, unit: str, glyphs: Glyphs) -> Line:
    """So many a second, or a dash while that is unknown."""
    return [(glyphs.none if per_s is None else rate(per_s), "bold"), (f" {unit}", QUIET)]


def quantile(name: str, buckets: tuple[int, ...], share: float, glyphs: Glyphs) -> Line:
    """A quantile after its name, or a dash where nothing was measured."""
    number, unit = duration(quantile_s(buckets, share))
    return [(f"{name} ", QUIET), (number if unit else glyphs.none, "bold"), (f" {unit}" if unit else "", QUIET)]


def left(snapshot: Snapshot, glyphs: Glyphs) -> Line:
    """What is left of the run, or nothing while that can't be said."""
    if snapshot.eta is None:
        return []
    return [("left ", QUIET), (eta_range(snapshot.eta).replace("–", glyphs.dash), "")]


def words(name: str) -> str:
    """A name from the code or from outside as words."""
    return clean(name).replace("_", " ")
