"""The figures that numpy, scipy, statsmodels and scikit-learn give for the recorded public data."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from evalperf.records import Score
from evalperf.stats import Summariser
from evalperf.stats.agreement import cohens_kappa, cohens_kappa_of
from evalperf.stats.bootstrap import bca_interval, percentile_interval, resampled_means
from evalperf.stats.classification import classify, confusion_matrix
from evalperf.stats.clusters import ClusterSums
from evalperf.stats.contrasts import welch
from evalperf.stats.correlation import kendall_tau_b, pearson, spearman
from evalperf.stats.exact import Moments
from evalperf.stats.intervals import normal_interval, t_interval, wilson_interval
from evalperf.stats.multiple import benjamini_hochberg, bonferroni, holm
from evalperf.stats.paired import mcnemar, mcnemar_chi2, paired_binary, paired_t, sign_flip, wilcoxon
from evalperf.stats.proportions import (
    agresti_coull_interval,
    clopper_pearson_interval,
    cohens_h,
    fisher_exact,
    jeffreys_interval,
    phi_correlation,
    sign_test,
    two_proportion_z,
)
from evalperf.stats.ranks import quantile

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
NUMBERS = DATA / "statistics" / "expected_numbers.json"
EXPECTED = {number["id"]: number for number in json.loads(NUMBERS.read_bytes())["numbers"]} if NUMBERS.exists() else {}
pytestmark = [pytest.mark.data, pytest.mark.skipif(not EXPECTED, reason="the recorded data sets are not here")]

FLAGS = {
    "gsm8k/175b_verification": ("gsm8k/responses-175b_verification.jsonl", "is_correct"),
    "gsm8k/6b_finetuning": ("gsm8k/responses-6b_finetuning.jsonl", "is_correct"),
    **{
        f"triviaqa/{model}/{metric}": (f"triviaqa/responses-{model}.jsonl", metric)
        for model in ("fid", "gpt35", "chatgpt")
        for metric in ("em", "f1")
    },
}


def same(expected: Any) -> Any:
    return pytest.approx(expected, rel=1e-9)


@cache
def rows(name: str) -> list[dict[str, Any]]:
    opened = gzip.open if name.endswith(".gz") else open
    with opened(DATA / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@cache
def values(name: str) -> list[float]:
    """The published verdict on each answer."""
    file, flag = FLAGS[name]
    return [float(row["official"][flag]) for row in rows(file)]


@cache
def moments(name: str) -> Moments:
    found = Moments()
    found.add_all(values(name))
    return found


def of_kind(*endings: str) -> list[str]:
    return sorted(name for name in EXPECTED if name.endswith(endings))


PROPORTIONS = of_kind("/proportion", "/em")
MEANS = of_kind("fid/f1", "gpt35/f1", "/chatgpt/f1")


def plain(name: str) -> str:
    return name.removeprefix("stats/").removesuffix("/proportion").removesuffix("/bootstrap")


@pytest.mark.parametrize("name", [name for name in PROPORTIONS if " - " not in name])
def test_shares_and_their_intervals(name):
    expected, found = EXPECTED[name], moments(plain(name))
    k, n = found.ones, found.n
    assert (k, n) == (expected["k"], expected["n"])
    assert found.mean() == expected["p"]
    error = math.sqrt(k * (n - k) / n) / n
    assert (error, found.std() / math.sqrt(n)) == same((expected["se_wald_n"], expected["se_sample_n_minus_1"]))
    assert normal_interval(k / n, error) == same(tuple(expected["normal_95"]))
    for interval, key in (
        (wilson_interval, "wilson_95"),
        (clopper_pearson_interval, "clopper_pearson_95"),
        (agresti_coull_interval, "agresti_coull_95"),
        (jeffreys_interval, "jeffreys_95"),
    ):
        assert interval(k, n) == same(tuple(expected[key])), key
    assert sign_test(k, n - k) == same(expected["binomtest_vs_0.5_p"])


@pytest.mark.parametrize("name", MEANS)
def test_means_and_their_intervals(name):
    expected, found = EXPECTED[name], moments(plain(name))
    error = found.std() / math.sqrt(found.n)
    assert (found.n, found.mean()) == (expected["n"], same(expected["mean"]))
    assert (found.std(), error) == same((expected["sd_n_minus_1"], expected["sem"]))
    assert t_interval(found.mean(), found.std(), found.n) == same(tuple(expected["t_95"]))
    assert normal_interval(found.mean(), error) == same(tuple(expected["normal_95"]))
    percentiles = expected["percentiles_linear[0,5,25,50,75,90,95,99,100]"]
    shares = (0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1)
    assert [quantile(values(plain(name)), q) for q in shares] == same(percentiles)


@pytest.mark.parametrize("name", of_kind("/bootstrap"))
def test_bootstrap_ends_within_what_chance_moves(name):
    """Other random numbers than numpy's: the file allows 0.15 standard errors."""
    expected, sample = EXPECTED[name], values(plain(name))
    allowed = 0.15 * expected["se"]
    means = resampled_means(sample, seed=1, resamples=4000)
    assert percentile_interval(means) == pytest.approx(tuple(expected["percentile_95"]), abs=allowed)
    bca = bca_interval(sample, seed=1, resamples=4000)
    assert bca == pytest.approx(tuple(expected["BCa_95"]), abs=allowed)


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [
        (
            "stats/gsm8k/175b_verification - 6b_finetuning",
            "gsm8k/175b_verification",
            "gsm8k/6b_finetuning",
        ),
        ("stats/triviaqa/fid - gpt35/em", "triviaqa/fid/em", "triviaqa/gpt35/em"),
    ],
)
def test_two_runs_right_or_wrong_on_the_same_cases(name, a, b):
    expected, pairs = EXPECTED[name], list(zip(values(a), values(b), strict=True))
    table = Counter(pairs)
    both, only_a, only_b, neither = (table[pair] for pair in ((1, 1), (1, 0), (0, 1), (0, 0)))
    counts = [expected[key] for key in ("both_right", "only_a_right", "only_b_right", "both_wrong")]
    assert [both, only_a, only_b, neither] == counts
    found = paired_binary(both, only_a, only_b, neither)
    assert (found.difference, found.error) == same((expected["diff_a_minus_b"], expected["se_paired_diff_n_minus_1"]))
    assert normal_interval(found.difference, found.error) == same(tuple(expected["normal_95"]))
    assert mcnemar(only_a, only_b) == same(expected["mcnemar_exact_p"])
    assert mcnemar_chi2(only_a, only_b, corrected=False) == same((expected["mcnemar_chi2"], expected["mcnemar_chi2_p"]))
    assert mcnemar_chi2(only_a, only_b) == same(
        (expected["mcnemar_chi2_continuity"], expected["mcnemar_chi2_continuity_p"])
    )
    test = paired_t([x - y for x, y in pairs])
    assert (test.t, test.p) == same((expected["paired_t"], expected["paired_t_p"]))
    n = expected["n"]
    assert two_proportion_z(both + only_a, n, both + only_b, n) == same(
        (expected["two_proportion_z"], expected["two_proportion_z_p"])
    )
    assert fisher_exact(both + only_a, n, both + only_b, n) == pytest.approx(expected["fisher_exact_p"], rel=1e-7)
    assert cohens_h((both + only_a) / n, (both + only_b) / n) == same(expected["cohens_h"])
    assert phi_correlation(both, only_a, only_b, neither) == same(expected["phi_correlation"])
    assert cohens_kappa(pairs) == same(expected["cohen_kappa"])
    p = sign_flip([x - y for x, y in pairs], seed=0, draws=expected["R"])
    assert p == same(expected["sign_flip_permutation_p (1+c)/(R+1)"])


def test_two_runs_with_scores_on_the_same_cases():
    expected = EXPECTED["stats/triviaqa/gpt35 - chatgpt/f1"]
    a, b = values("triviaqa/gpt35/f1"), values("triviaqa/chatgpt/f1")
    apart = [x - y for x, y in zip(a, b, strict=True)]
    test = paired_t(apart)
    assert (test.mean, test.error, test.t) == same((expected["mean_diff"], expected["se"], expected["paired_t"]))
    assert test.p == same(expected["paired_t_p"])
    assert wilcoxon(apart) == same((expected["wilcoxon_W"], expected["wilcoxon_p_normal_approx"]))
    unpaired = welch(moments("triviaqa/gpt35/f1"), moments("triviaqa/chatgpt/f1"))
    assert unpaired.p == same(expected["welch_p"])
    wins, losses = sum(x > 0 for x in apart), sum(x < 0 for x in apart)
    assert (wins, losses, len(apart) - wins - losses) == (expected["wins"], expected["losses"], expected["ties"])
    assert sign_test(wins, losses) == same(expected["sign_test_p"])
    assert (pearson(a, b), spearman(a, b)) == same((expected["pearson_r"], expected["spearman_rho"]))
    assert kendall_tau_b(a, b) == same(expected["kendall_tau_b"])
    draws = 2000
    assert sign_flip(apart, seed=0, draws=draws) == 1 / (1 + draws), (
        "as large as never: p is the least that draws allow"
    )


@pytest.mark.parametrize("kind", ["cot", "direct"])
def test_errors_clustered_by_task(kind):
    expected = EXPECTED[f"stats/bbh/{kind}/clustered_by_task"]
    sums = ClusterSums()
    for row in rows(f"bbh/responses-code-davinci-002-{kind}.jsonl"):
        sums.add(row["id"].rsplit("-", 1)[0], float(row["correct"]))
    share = 1144 if kind == "direct" else 1646
    assert (sums.n, len(sums), share / sums.n) == (expected["n"], expected["clusters"], expected["mean"])
    [key] = [key for key in expected if key.startswith("clustered_se")]
    assert sums.error(corrected=False) == same(expected[key])


def test_many_comparisons():
    compared = EXPECTED["stats/bbh/cot vs direct per task, multiple comparisons"]["rows"]
    p = [mcnemar(row["only_cot"], row["only_direct"]) for row in compared]
    assert p == same([row["mcnemar_exact_p"] for row in compared])
    for adjust, key in ((holm, "holm"), (bonferroni, "bonferroni"), (benjamini_hochberg, "fdr_bh")):
        assert adjust(p) == same([row[key] for row in compared]), key


@pytest.mark.parametrize("model", ["Yi-34B", "jamba-1.5-large"])
def test_letters_against_letters(model):
    expected = EXPECTED[f"stats/mmlu_pro/{model}/classification"]
    truth = {row["id"]: row["expected"] for row in rows("mmlu_pro/cases.jsonl.gz")}
    answers = rows(f"mmlu_pro/responses-{model}.jsonl.gz")
    pairs = [(row.get("expected", truth[row["id"]]), row["official"]["pred"] or "none") for row in answers]
    matrix = confusion_matrix(pairs, expected["labels"])
    assert matrix == expected["confusion_rows_gold_cols_pred"]
    found = classify(matrix, range(10))
    assert found.accuracy == same(expected["accuracy"])
    assert found.macro_f1 == same(expected["macro_f1_over_labels"])
    assert found.micro_f1 == same(expected["micro_f1_over_labels"])
    assert found.weighted_f1 == same(expected["weighted_f1"])
    assert found.balanced_accuracy == same(expected["balanced_accuracy(recall averaged over gold labels)"])
    assert found.matthews == same(expected["matthews"])
    assert found.kappa == same(expected["cohen_kappa"]) == same(cohens_kappa_of(matrix))


def test_no_figure_is_left_out():
    taken = [*PROPORTIONS, *MEANS, *of_kind("/bootstrap", "/clustered_by_task", "/classification")]
    taken += [name for name in EXPECTED if " - " in name or "multiple comparisons" in name]
    assert set(taken) == set(EXPECTED)


def test_pass_at_k_of_humaneval(make_result):
    """20 samples of each of 164 tasks, as epochs; figures of the data set's README."""
    summariser = Summariser(scorers=["code"], epochs=20, pass_at=(1, 5, 10, 20))
    for row in rows("humaneval/samples-codegen16B-0-19.jsonl.gz"):
        task, sample = row["id"].removeprefix("HumanEval/").split("#")
        passed = row["official"]["result"] == "passed"
        score = Score(value=float(passed), passed=passed)
        summariser.add(make_result(int(task) + 1, epoch=int(sample) + 1, scores={"code": score}))
    code = summariser.summary().scores["code"]
    assert (code.n, code.answers, code.passed) == (164, 3280, 723)
    assert code.pass_at_k == {
        "1": 0.22042682926829268,
        "5": same(0.4170910260766694),
        "10": same(0.4998856105006524),
        "20": same(0.5792682926829268),
    }
    assert code.pass_at_k_cases == dict.fromkeys(("1", "5", "10", "20"), 164)
    assert code.pass_hat_k["1"] == code.pass_at_k["1"]
    assert code.pass_hat_k["20"] < code.pass_hat_k["5"] < code.pass_hat_k["1"]
