"""A biased judge, corrected by a few labels: the formula, its limits, and that its intervals keep their word."""

from __future__ import annotations

import random
import statistics

import pytest

from evalperf.stats.calibration import calibrate, prediction_powered_mean
from evalperf.stats.exact import Moments
from evalperf.stats.intervals import t_interval


def moments_of(values):
    moments = Moments()
    moments.add_all(list(values))
    return moments


def test_the_mean_is_the_judges_less_its_error_on_the_labels():
    """λ = 1: unlabelled 0.75, error on the labels -0.25 (judge too kind by a quarter)."""
    mean, _, weight = prediction_powered_mean([1, 0, 0, 1], [1, 1, 0, 1], moments_of([1, 1, 1, 0]), weight=1.0)
    assert (mean, weight) == (0.5, 1.0)


def test_variance_and_weight_are_those_of_the_papers():
    """Recomputed with the standard library from the formulas in the module."""
    humans, judges = [1.0, 0.0, 0.4, 0.9, 0.2, 0.6], [0.9, 0.3, 0.5, 1.0, 0.1, 0.4]
    unlabelled = [0.2, 0.8, 0.7, 0.4, 0.9, 0.3, 0.6, 0.5]
    covariance = statistics.covariance(humans, judges)
    weight = covariance / ((1 + 6 / 8) * statistics.variance(judges))
    errors = [human - weight * judge for human, judge in zip(humans, judges, strict=True)]
    variance = weight**2 * statistics.variance(unlabelled) / 8 + statistics.variance(errors) / 6
    mean, (low, high), found = prediction_powered_mean(humans, judges, moments_of(unlabelled))
    assert found == pytest.approx(weight)
    assert mean == pytest.approx(weight * statistics.fmean(unlabelled) + statistics.fmean(errors))
    assert (high - low) / 2 == pytest.approx(2.570581835636314 * variance**0.5, rel=1e-9)


def test_a_judge_that_says_nothing_leaves_the_labels():
    humans = [1.0, 0.0, 1.0, 0.0]
    mean, ci95, weight = prediction_powered_mean(humans, [0.5] * 4, moments_of([0.5] * 100))
    assert (mean, weight) == (0.5, 0.0)
    assert ci95 == pytest.approx(t_interval(0.5, statistics.stdev(humans), 4))


def test_without_unlabelled_answers_the_labels_speak():
    assert prediction_powered_mean([1.0, 0.0], [1.0, 1.0], Moments())[0] == 0.5


def test_the_calibration_says_how_good_the_judge_is():
    pairs = [(1.0, 1.0)] * 6 + [(0.0, 1.0)] * 2 + [(0.0, 0.0)] * 2
    found = calibrate(pairs, moments_of([1.0] * 80 + [0.0] * 20))
    assert (found.labelled, found.unlabelled, found.agreement) == (10, 100, 0.8)
    assert found.bias == pytest.approx(0.2)
    assert found.judge_mean == pytest.approx(88 / 110)
    assert found.kappa == pytest.approx(0.5454545454545454)
    assert 0.58 < found.mean < found.judge_mean, "the judge is too kind, and the mean is pulled down"
    assert found.ci95[0] < found.mean < found.ci95[1]


def test_one_label_is_too_few():
    with pytest.raises(ValueError, match="at least 2"):
        calibrate([(1.0, 1.0)], Moments())


def coverage(n: int, others: int, trials: int) -> tuple[float, float, float]:
    """Shares of intervals that hold the truth: corrected, the judge's own; and corrected by labelled width."""
    generator = random.Random(7)
    truth, held, judge_held, widths = 0.55, 0, 0, []
    for _ in range(trials):
        humans = [float(generator.random() < truth) for _ in range(n + others)]
        judges = [human if generator.random() < 0.85 else 1.0 for human in humans]  # an error is always kind
        _, (low, high), _ = prediction_powered_mean(humans[:n], judges[:n], moments_of(judges[n:]))
        held += low <= truth <= high
        judge = moments_of(judges)
        judge_low, judge_high = t_interval(judge.mean(), judge.std(), judge.n)
        judge_held += judge_low <= truth <= judge_high
        labels = t_interval(statistics.fmean(humans[:n]), statistics.stdev(humans[:n]), n)
        widths.append((high - low) / (labels[1] - labels[0]))
    return held / trials, judge_held / trials, statistics.fmean(widths)


def test_corrected_intervals_hold_the_truth_where_the_judges_own_do_not():
    held, judge_held, width = coverage(60, 400, 150)
    assert held > 0.9
    assert judge_held < 0.4
    assert width < 0.75


@pytest.mark.slow
@pytest.mark.parametrize(("n", "others"), [(30, 1000), (100, 1000), (100, 200)])
def test_coverage_is_what_it_says(n, others):
    """2,000 trials: three standard errors are 1.5 %."""
    held, _, width = coverage(n, others, 2000)
    assert held == pytest.approx(0.95, abs=0.017)
    assert width < 0.8
