"""Errors over clusters, and groups against the rest, by statsmodels' cluster-robust regression."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.stats import clusters as module
from evalperf.stats.clusters import ClusterSums
from evalperf.stats.contrasts import contrasts, welch
from evalperf.stats.exact import Moments
from evalperf.stats.multiple import benjamini_hochberg
from evalperf.stats.tally import Tally

np = pytest.importorskip("numpy")
regression = pytest.importorskip("statsmodels.regression.linear_model")
scipy_stats = pytest.importorskip("scipy.stats")

rows = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.one_of(st.sampled_from([0.0, 1.0]), st.floats(-10, 10))), min_size=4
)


def sums_of(pairs):
    sums = ClusterSums()
    for cluster, value in pairs:
        sums.add(cluster, value)
    return sums


def tally_of(pairs):
    tally = Tally()
    for cluster, value in pairs:
        tally.moments.add(value)
        tally.clusters.add(cluster, value)
    return tally


def robust(values, design, labels):
    fitted = regression.OLS(np.array(values), np.array(design, dtype=float)).fit(
        cov_type="cluster", cov_kwds={"groups": labels, "use_correction": False}
    )
    return fitted.params, fitted.bse


@given(rows.filter(lambda pairs: len({cluster for cluster, _ in pairs}) > 1))
def test_the_error_is_that_of_statsmodels(pairs):
    labels = np.array([ord(cluster) for cluster, _ in pairs])
    values = [value for _, value in pairs]
    _, theirs = robust(values, [[1.0]] * len(pairs), labels)
    assert sums_of(pairs).error(corrected=False) == pytest.approx(theirs[0], abs=1e-9)


@given(rows, st.randoms(), st.integers(0, 3))
def test_order_split_and_merge_change_nothing(pairs, shuffler, at):
    shuffled = pairs[:]
    shuffler.shuffle(shuffled)
    merged = sums_of(shuffled[:at])
    merged.merge(sums_of(shuffled[at:]))
    assert (merged.spread(), merged.total, merged.error()) == (
        sums_of(pairs).spread(),
        sums_of(pairs).total,
        sums_of(pairs).error(),
    )


def test_cases_without_the_field_are_clusters_of_their_own():
    values = [0.0, 1.0, 0.25, 1.0, 0.5]
    alone = sums_of([(None, value) for value in values])
    named = sums_of([(str(at), value) for at, value in enumerate(values)])
    assert len(alone) == len(named) == 5
    assert alone.error() == named.error()


def test_singletons_have_the_error_of_independent_cases():
    values = [0.1, 0.7, 0.4, 0.9, 0.3]
    assert sums_of([(None, value) for value in values]).error() == pytest.approx(scipy_stats.sem(values), rel=1e-12)


def test_clusters_that_all_agree_are_as_many_cases():
    """Nothing varies, so the error is 0; the interval still knows that there were only four."""
    sums = sums_of([(cluster, 1.0) for cluster in "aaabbbcccddd"])
    assert sums.error() == 0
    assert sums.interval(0.0) == pytest.approx((0.5101091, 1.0), abs=1e-6)


def test_too_many_clusters_are_kept_no_longer(monkeypatch):
    """Whatever the order and the split."""
    monkeypatch.setattr(module, "MAX_CLUSTERS", 3)
    assert not sums_of([(str(at % 3), 1.0) for at in range(9)]).too_many
    for at in range(5):
        sums = sums_of([(str(number), 1.0) for number in range(at)])
        sums.merge(sums_of([(str(number), 1.0) for number in range(at, 4)]))
        sums.add("1", 0.5)
        assert (sums.too_many, sums.counts) == (True, {})


def test_a_group_against_the_rest_is_the_slope_of_the_regression():
    """Clusters lie on both sides: the error must know that they do."""
    generator = random.Random(5)
    rows = []
    for case in range(240):
        cluster = None if case % 40 == 0 else f"c{case % 17}"
        lift = 0.2 * (case % 17) / 17
        rows.append((cluster, generator.random() * 0.5 + lift, case % 3 == 0))
    contrast = contrasts(
        tally_of([(cluster, value) for cluster, value, _ in rows]),
        {"g": tally_of([(cluster, value) for cluster, value, inside in rows if inside])},
        clustered=True,
    )["g"]
    labels = np.array([int(cluster[1:]) if cluster else 5000 + at for at, (cluster, _, _) in enumerate(rows)])
    params, errors = robust([v for _, v, _ in rows], [[1.0, float(inside)] for _, _, inside in rows], labels)
    count = len(set(labels))
    error = errors[1] * (count / (count - 1)) ** 0.5
    assert contrast.difference == pytest.approx(params[1], rel=1e-9)
    assert contrast.p == pytest.approx(2 * scipy_stats.t.sf(abs(params[1] / error), count - 1), rel=1e-7)
    half = scipy_stats.t.ppf(0.975, count - 1) * error
    assert contrast.ci95 == pytest.approx((params[1] - half, params[1] + half), rel=1e-7)


def test_one_cluster_is_too_few_for_a_contrast():
    rows = [("a", 0.0), ("a", 1.0), ("b", 0.3), ("c", 0.9)]
    assert contrasts(tally_of(rows), {"g": tally_of(rows[:2])}, clustered=True) == {"g": None}


def moments_of(values):
    moments = Moments()
    moments.add_all(list(values))
    return moments


@given(
    st.lists(st.floats(0, 5), min_size=3, max_size=30).filter(lambda values: np.std(values) > 1e-3),
    st.lists(st.floats(0, 5), min_size=3, max_size=30).filter(lambda values: np.std(values) > 1e-3),
)
def test_welch_is_that_of_scipy(a, b):
    theirs = scipy_stats.ttest_ind(a, b, equal_var=False)
    ours = welch(moments_of(a), moments_of(b))
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    assert ours.ci95 == pytest.approx(tuple(theirs.confidence_interval()), abs=1e-7)


def test_what_is_outside_the_group_is_the_rest():
    """90 of 100 right in one group, 50 of 100 and 49 of 100 in the others."""
    groups = {"good": (90, 10), "a": (50, 50), "b": (49, 51)}
    tallies = {name: tally_of([(None, 1.0)] * right + [(None, 0.0)] * wrong) for name, (right, wrong) in groups.items()}
    whole = Tally()
    for tally in tallies.values():
        whole.merge(tally)
    found = contrasts(whole, tallies, clustered=False)
    assert found["good"].difference == pytest.approx(0.9 - 99 / 200)
    assert found["good"].test == "z"
    z = scipy_stats.chi2_contingency([[90, 10], [99, 101]], correction=False).pvalue
    assert found["good"].p == pytest.approx(z, rel=1e-9)
    q = benjamini_hochberg([found[name].p for name in groups])
    assert [found[name].q for name in groups] == q
    assert found["good"].q < 1e-9


def test_few_answers_get_fishers_exact_test():
    tallies = {"small": tally_of([(None, 0.0)] * 3), "large": tally_of([(None, 1.0)] * 30 + [(None, 0.0)] * 9)}
    whole = Tally()
    for tally in tallies.values():
        whole.merge(tally)
    small = contrasts(whole, tallies, clustered=False)["small"]
    assert (small.test, small.p) == ("fisher", pytest.approx(scipy_stats.fisher_exact([[0, 3], [30, 9]]).pvalue))


def test_groups_too_small_to_compare_have_no_contrast():
    whole = tally_of([(None, 1.0), (None, 0.5), (None, 0.2)])
    assert contrasts(whole, {"g": tally_of([(None, 0.2)]), "h": whole}, clustered=False) == {"g": None, "h": None}
