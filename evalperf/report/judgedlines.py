"""What a document says about the judge that gave a score, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalperf.report.text import counted, interval_text, percent, safe, score, share_of

__all__ = ["judged_notes"]

_STEPS = {"first": "the first scorer", "judge": "the judge", "larger": "the larger judge"}


def judged_notes(judged: Mapping[str, Any]) -> Iterator[str]:
    """One fact a line."""
    if judged["parts"] is not None:
        yield "  ".join(_part(safe(name), part) for name, part in judged["parts"].items())
    if judged["decided_by"] is not None:
        yield "decided by " + ", ".join(f"{_STEPS[step]} {count:,}" for step, count in judged["decided_by"].items())
    if judged["no_verdict"]:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in judged["no_verdict"].items())
        yield f"no verdict: {kinds}"
    if judged["votes"] is not None:
        yield _votes(judged["votes"])
    if judged["orders"] is not None:
        yield _orders(judged["orders"])
    if judged["calibration"] is not None:
        yield from _calibration(judged["calibration"])


def _part(name: str, part: Mapping[str, Any]) -> str:
    text = f"{name} {score(part['mean'])}"
    if part["ci95"] is not None:
        text += f" {interval_text(part['ci95'])}"
    return text + (f" ({part['unscored']:,} not scored)" if part["unscored"] else "")


def _votes(votes: Mapping[str, Any]) -> str:
    alpha = "not defined (all votes are equal)" if votes["alpha"] is None else score(votes["alpha"])
    return (
        f"votes agree in {percent(votes['agreement'])} of their pairs, Krippendorff's alpha {alpha}"
        f" ({counted(votes['answers'], 'answer')})"
    )


def _orders(orders: Mapping[str, Any]) -> str:
    kappa = "" if orders["kappa"] is None else f", kappa {score(orders['kappa'])}"
    return (
        f"the same winner in both orders: {share_of(orders['same'], orders['pairs'])}{kappa};"
        f" for the place: first {orders['first']:,}, second {orders['second']:,}"
    )


def _calibration(calibration: Mapping[str, Any]) -> Iterator[str]:
    measured = calibration["measured"]
    if measured is None:
        yield f"calibration: none, {calibration['problem']}"
    else:
        corrected = f"{score(measured['mean'])} {interval_text(measured['ci95'])}"
        yield f"mean corrected by {measured['labelled']:,} labels of people: {corrected}"
        kappa = "" if measured["kappa"] is None else f", kappa {score(measured['kappa'])}"
        yield (
            f"bias {score(measured['bias'])} {interval_text(measured['bias_ci95'])},"
            f" equal to the label in {percent(measured['agreement'])}{kappa}"
        )
    if calibration["other_answers"]:
        yield f"{counted(calibration['other_answers'], 'label')} not used: for another answer than this run's"
