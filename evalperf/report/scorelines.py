"""What a document says about its scores, in sentences: for the renderers that write for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from evalperf.report.callinglines import spent_text
from evalperf.report.judgedlines import judged_notes
from evalperf.report.text import counted, number, safe, score

__all__ = ["contrast_texts", "contrasts_note", "qualifiers", "score_notes"]

_FOUND = 0.05
"""Groups with q up to here are marked."""


def score_notes(row: Mapping[str, Any], clustering: Mapping[str, Any] | None) -> list[str]:
    """What a scorer's row can't show, one fact a line."""
    notes = []
    if row["unscored"]:
        notes.append(f"{counted(row['unscored'], 'answer')} not scored: in no mean")
    if row["answers"] > row["n"]:
        notes.append(f"{row['answers']:,} answers, averaged per case first")
    if row["corpus"] is not None:
        of = "" if row["corpus_answers"] == row["answers"] else f" of {row['corpus_answers']:,} answers"
        notes.append(f"{score(row['corpus'])} as one corpus{of}; the mean is over single answers")
    notes.extend(_passes(row))
    if row["clusters"] is not None and clustering is not None:
        notes.extend(_clusters(row["clusters"], safe(clustering["field"])))
    if row["judged"] is not None:
        notes.extend(judged_notes(row["judged"]))
    if row["spent"] is not None:
        notes.append(f"scoring made {spent_text(row['spent'])}")
    return notes


def qualifiers(scores: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Label and text on all scores together: how intervals were made, and what is too small to be seen."""
    methods: dict[str, list[str]] = {}
    for name, row in scores.items():
        if row["interval"] is not None:
            methods.setdefault(row["interval"], []).append(safe(name))
    lines = []
    if methods:
        named = [f"{method} ({', '.join(names)})" if len(methods) > 1 else method for method, names in methods.items()]
        lines.append(("intervals", ", ".join(named)))
    seen = {safe(name): score(row["mde"]) for name, row in scores.items() if row["mde"] is not None}
    if seen:
        figures = ", ".join(f"{figure} ({name})" if len(seen) > 1 else figure for name, figure in seen.items())
        text = f"differences under {figures} to another run of this size can't be seen (80 % power;"
        lines.append(("resolution", f"{text} smaller ones can, case by case on the same cases)"))
    return lines


def contrast_texts(contrast: Mapping[str, Any] | None) -> tuple[str, str]:
    """A group's difference to the rest, and q; a mark stands where the difference is hardly chance."""
    if contrast is None:
        return "–", "–"
    difference, q = contrast["difference"], contrast["q"]
    text = "<0.001" if q < 0.001 else f"{q:.3f}"
    return f"{'+' if difference > 0 else ''}{score(difference)}", f"{text}{'*' if q <= _FOUND else ''}"


def contrasts_note(by: Mapping[str, Any]) -> str | None:
    """How to read the differences; None where there are none."""
    compared = Counter(
        name for group in by["groups"] for name, contrast in group["against_rest"].items() if contrast is not None
    )
    if not compared:
        return None
    each = " of each scorer" if len(compared) > 1 else ""
    return (
        f"the group's mean less that of all other cases; q ≤ {_FOUND:g} (*): hardly chance, with"
        f" {counted(max(compared.values()), 'comparison')}{each} allowed for (Benjamini–Hochberg)"
    )


def _passes(row: Mapping[str, Any]) -> Iterator[str]:
    for symbol, key, meaning in (("@", "pass_at_k", "one of k answers passes"), ("^", "pass_hat_k", "all k pass")):
        if row[key] is not None:
            shares = "  ".join(f"pass{symbol}{k} {score(share)}" for k, share in row[key].items())
            yield f"{shares}  (chance that {meaning})"
    fewest = min((row["pass_at_k_cases"] or {}).values(), default=row["n"])
    if fewest < row["n"]:
        yield f"the largest k is over {counted(fewest, 'case')}: the others have fewer answers"


def _clusters(clusters: Mapping[str, Any], field: str) -> Iterator[str]:
    text = f"interval over {counted(clusters['n'], 'cluster')} of {field}"
    effect = clusters["design_effect"]
    if effect is not None and effect > 1:
        text += f": {number(effect)} cases say as much as one independent case"
    yield text
    if clusters["few"]:
        yield "fewer than 10 clusters: the interval is not to be relied on"
