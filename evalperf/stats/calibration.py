"""What a judge's scores are worth, measured on the few answers that people have labelled too.

A judge that is wrong in one direction moves the mean of all its scores. Prediction-powered inference (Angelopoulos et
al. 2023, "Prediction-powered inference", Science 382) corrects it by the error seen on the n labelled answers and keeps
what the N unlabelled ones tell:

    mean = λ · mean(judge, unlabelled) + mean(human - λ · judge, labelled)
    variance = λ² · var(judge, unlabelled) / N + var(human - λ · judge, labelled) / n

with λ = cov(human, judge) / ((1 + n / N) · var(judge)) within 0 and 1 (Angelopoulos et al. 2023, "PPI++", section 6),
which makes the interval no wider than that of the labels alone. A judge that says nothing gets λ = 0. The labelled
answers must be a random sample of all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from evalperf.stats.agreement import cohens_kappa
from evalperf.stats.correlation import pearson
from evalperf.stats.distributions import t_quantile
from evalperf.stats.exact import Moments
from evalperf.stats.intervals import Interval, t_interval

__all__ = ["Calibration", "calibrate", "prediction_powered_mean"]


class Calibration(Struct, frozen=True, kw_only=True):
    """A judge against people; None where it is not defined."""

    labelled: int
    unlabelled: int
    agreement: float
    """The share of labelled answers on which both gave the same value."""
    kappa: float | None
    """The same beyond chance."""
    correlation: float | None
    bias: float
    """The judge's mean less that of the people, on the labelled answers."""
    bias_ci95: Interval
    judge_mean: float
    """Of all answers, as the judge sees them."""
    mean: float
    """The corrected mean."""
    ci95: Interval
    weight: float
    """λ: how much the judge's scores of unlabelled answers count."""


def calibrate(pairs: Sequence[tuple[float, float]], unlabelled: Moments) -> Calibration:
    """From (human, judge) of each labelled answer, and the judge's scores of all others.

    ValueError below two labelled answers.
    """
    if len(pairs) < 2:
        raise ValueError(f"{len(pairs)} labelled answers: at least 2 are needed")
    humans, judges = zip(*pairs, strict=True)
    errors = _moments([judge - human for human, judge in pairs])
    everything = _moments(judges)
    everything.merge(unlabelled)
    mean, ci95, weight = prediction_powered_mean(humans, judges, unlabelled)
    return Calibration(
        labelled=len(pairs),
        unlabelled=unlabelled.n,
        agreement=sum(human == judge for human, judge in pairs) / len(pairs),
        kappa=cohens_kappa(pairs),
        correlation=pearson(humans, judges),
        bias=errors.mean() or 0.0,
        bias_ci95=t_interval(errors.mean() or 0.0, errors.std() or 0.0, errors.n),
        judge_mean=everything.mean() or 0.0,
        mean=mean,
        ci95=ci95,
        weight=weight,
    )


def prediction_powered_mean(
    humans: Sequence[float], judges: Sequence[float], unlabelled: Moments, *, weight: float | None = None
) -> tuple[float, Interval, float]:
    """The corrected mean, its 95 % interval and λ, which is chosen as above where `weight` is None.

    The interval takes the t quantile of the labelled answers, since these are few. Without unlabelled answers it is
    that of the labels alone.
    """
    n, others = len(humans), unlabelled.n
    if others < 2:
        weight = 0.0
    elif weight is None:
        weight = _weight(humans, judges, n / others)
    rectified = _moments([human - weight * judge for human, judge in zip(humans, judges, strict=True)])
    mean = weight * (unlabelled.mean() or 0.0) + (rectified.mean() or 0.0)
    variance = (rectified.std() or 0.0) ** 2 / n
    if others > 1:
        variance += weight**2 * (unlabelled.std() or 0.0) ** 2 / others
    half = t_quantile(0.975, n - 1) * math.sqrt(variance)
    return mean, (mean - half, mean + half), weight


def _weight(humans: Sequence[float], judges: Sequence[float], share: float) -> float:
    mean_human, mean_judge = math.fsum(humans) / len(humans), math.fsum(judges) / len(judges)
    together = math.fsum((x - mean_human) * (y - mean_judge) for x, y in zip(humans, judges, strict=True))
    spread = math.fsum((y - mean_judge) ** 2 for y in judges)
    return min(1.0, max(0.0, together / ((1 + share) * spread))) if spread else 0.0


def _moments(values: Sequence[float]) -> Moments:
    moments = Moments()
    moments.add_all(list(values))
    return moments
