"""Numbers and foreign text as people read them; shared by the renderers that write for people."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "ABSENT",
    "bound",
    "bytes_text",
    "counted",
    "gate_value",
    "interval_text",
    "number",
    "percent",
    "safe",
    "score",
    "seconds",
    "share_of",
    "time_texts",
]

ABSENT = "not measured"

_JOINERS = "\u200c\u200d"
"""Zero-width joiners: scripts and emoji need them, and they move nothing."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def safe(text: str) -> str:
    r"""The text on one line, with nothing in it that a terminal or a reader's eye could be fooled by.

    Runs of white space become one space. Control characters (escape sequences among them), bidirectional and other
    invisible format characters, and lone surrogates are written out as `\\x1b`.
    """
    return "".join(_visible(character) for character in " ".join(text.split()))


def _visible(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    if unicodedata.category(character) not in _HIDDEN or character in _JOINERS:
        return character
    return character.encode("unicode_escape").decode("ascii")


def score(value: float | None) -> str:
    """A mean, to three decimals where it is below 100."""
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"


def interval_text(interval: Sequence[float] | None) -> str:
    """A 95 % interval."""
    return "–" if interval is None else f"[{score(interval[0])}, {score(interval[1])}]"


def number(value: float | None) -> str:
    """A count, or a rate to three digits."""
    if value is None:
        return ABSENT
    if isinstance(value, int) or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def counted(count: int, noun: str) -> str:
    """`1 case`, `2,000 cases`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(share: float) -> str:
    """A share as a percentage; never 0 % or 100 % for what is only near it."""
    rounded = f"{100 * share:.1f}" if share >= 0.1 else f"{100 * share:.2g}"
    if share < 1 and float(rounded) >= 100:
        return "> 99.9 %"
    return f"{rounded.removesuffix('.0')} %"


def share_of(part: int, whole: int) -> str:
    """`9 of 2,000 (0.45 %)`."""
    return f"{part:,} of {whole:,}" + (f" ({percent(part / whole)})" if whole else "")


def seconds(value: float | None) -> str:
    """A time in the unit that fits it."""
    if value is None:
        return ABSENT
    if value < 1e-3:
        return f"{value * 1e6:.0f} µs" if value else "0 s"
    if value < 1:
        return f"{value * 1e3:.3g} ms"
    if value < 100:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min {rest:02} s" if hours else f"{minutes} min {rest:02} s"


def time_texts(times: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and text of each quantile that is there; ≥ where so many waits timed out that the true value is longer."""
    timeouts = times.get("timeouts", 0)
    texts = []
    for name, rank in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)):
        if name not in times:
            continue
        at_least = timeouts and timeouts >= (1 - rank) * times["n"]
        texts.append((name, ("≥ " if at_least else "") + seconds(times[name])))
    return texts


def bytes_text(value: int | None) -> str:
    """A size in MB, as memory is counted here: 10⁶ bytes; two digits where it is small."""
    if value is None:
        return ABSENT
    return f"{value / 1e6:,.0f} MB" if value >= 10e6 else f"{value / 1e6:.2g} MB"


def bound(gate: Mapping[str, Any]) -> str:
    """`answer.mean ≥ 0.5`."""
    low = "" if gate["min"] is None else f" ≥ {gate['min']:g}"
    high = "" if gate["max"] is None else f" ≤ {gate['max']:g}"
    return f"{gate['metric']}{low}{' and' if low and high else ''}{high}"


def gate_value(gate: Mapping[str, Any]) -> str:
    """What was measured."""
    value = gate["value"]
    return ABSENT if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
