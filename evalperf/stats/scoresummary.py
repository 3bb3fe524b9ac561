"""What is said about one scorer: mean, interval, and all that qualifies them."""

from __future__ import annotations

from msgspec import Struct

from evalperf.stats.clusters import FEW_CLUSTERS
from evalperf.stats.intervals import Interval, IntervalKind, IntervalRule, mean_interval
from evalperf.stats.judged import JudgedSummary
from evalperf.stats.power import detectable_difference
from evalperf.stats.spent import SpentSummary
from evalperf.stats.tally import Tally

__all__ = ["ClusterSummary", "ScoreSummary", "SummaryRules", "summarise_tally"]


class SummaryRules(Struct, frozen=True, kw_only=True):
    """What decides how a table is read."""

    interval: IntervalRule = "auto"
    pass_at: tuple[int, ...] = ()
    """The k of pass@k, in order."""
    clustered: bool = False


class ClusterSummary(Struct, frozen=True, kw_only=True):
    """What the clusters of cases do to the interval."""

    n: int
    """Clusters; a case without the field is one of its own."""
    design_effect: float | None
    """The variance of the mean, by that of as many independent cases: how many cases say as much as one."""
    few: bool
    """Fewer than ten: the interval is not to be relied on."""


class ScoreSummary(Struct, frozen=True, kw_only=True):
    """One scorer over all cases, or over one group of them."""

    n: int
    """Cases with a score (of several epochs: at least one)."""
    mean: float | None
    """Over the scored cases, each with its mean over epochs."""
    ci95: Interval | None
    """Of the mean; None below two cases."""
    interval: IntervalKind | None
    """How `ci95` was made, by the rule of `intervals`; `clustered` where a cluster field is configured."""
    std: float | None
    """Sample standard deviation between cases."""
    answers: int
    """Scored answers; more than `n` where cases were repeated."""
    passed: int | None
    """Answers that count as right; None where the scorer has no such notion."""
    unscored: int
    """Answers on which this scorer had no say: in no mean, and never a 0."""
    mean_failures_as_wrong: float | None
    """The mean when each case that failed without a score counts as 0."""
    mde: float | None
    """The smallest difference that two runs of this size, on cases of their own, tell apart in 80 % of the times (5 %
    two-sided). Runs on the same cases, compared case by case, see smaller ones. None where the spread is not known."""
    clusters: ClusterSummary | None
    """None where no cluster field is configured."""
    corpus: float | None
    """The score of all answers as one corpus, for metrics that have one (BLEU, chrF)."""
    corpus_answers: int | None
    """Answers that `corpus` is of; fewer than `answers` where `extract` found nothing to compare."""
    pass_at_k: dict[str, float] | None
    """By k: the chance that one of k answers passes; None where cases are asked once or nothing has a verdict."""
    pass_hat_k: dict[str, float] | None
    """By k: the chance that all of k answers pass (pass^k)."""
    pass_at_k_cases: dict[str, int] | None
    """By k: cases with k answers that have a verdict, or more."""
    spent: SpentSummary | None
    """The calls that scoring made; None where it made none."""
    judged: JudgedSummary | None
    """What is known of the judge that gave the scores; None where none did."""


def summarise_tally(tally: Tally, *, answered: int, cases_failed: int, rules: SummaryRules) -> ScoreSummary:
    """The numbers of a tally among `answered` answers and `cases_failed` cases with a failure."""
    error = tally.clusters.error() if rules.clustered else None
    ci95, kind = _interval(tally, error, rules)
    repeated = tally.as_wrong.n > 0
    as_wrong = tally.as_wrong if repeated else tally.moments
    ks = [k for k in rules.pass_at if tally.passes.cases(k)]
    return ScoreSummary(
        n=tally.moments.n,
        mean=tally.moments.mean(),
        ci95=ci95,
        interval=kind,
        std=tally.moments.std(),
        answers=tally.answers,
        passed=tally.passed if tally.judged else None,
        unscored=answered - tally.answers_ok,
        mean_failures_as_wrong=as_wrong.mean(extra_zeros=cases_failed - tally.n_with_failure),
        mde=None if ci95 is None else detectable_difference(ci95),
        clusters=_clusters(tally, error) if rules.clustered else None,
        corpus=tally.corpus.score(),
        corpus_answers=tally.corpus.answers or None,
        pass_at_k={str(k): share for k in ks if (share := tally.passes.at(k)) is not None} if ks else None,
        pass_hat_k={str(k): share for k in ks if (share := tally.passes.hat(k)) is not None} if ks else None,
        pass_at_k_cases={str(k): tally.passes.cases(k) for k in ks} if ks else None,
        spent=tally.spent.summary(),
        judged=tally.judge.summary(tally.moments, rules.interval, repeated=repeated),
    )


def _interval(tally: Tally, error: float | None, rules: SummaryRules) -> tuple[Interval | None, IntervalKind | None]:
    if not rules.clustered:
        found = mean_interval(tally.moments, rules.interval)
        return found if found is not None else (None, None)
    if error is None:
        return None, None
    low, high = tally.clusters.interval(error)
    if tally.moments.binary:  # a share is never outside
        low, high = max(0.0, low), min(1.0, high)
    return (low, high), "clustered"


def _clusters(tally: Tally, error: float | None) -> ClusterSummary:
    std, clusters = tally.moments.std(), len(tally.clusters)
    effect = error**2 * tally.moments.n / std**2 if error is not None and std else None
    return ClusterSummary(n=clusters, design_effect=effect, few=clusters < FEW_CLUSTERS)
