"""The official numbers of each set of public data, and ours: one function a set."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

from evalperf.records import Case, Score
from evalperf.scorers import NO_ANSWER
from evalperf.stats.corpus import CorpusCounts
from evalperf.stats.passk import PassCounts
from tests.scorers import official_judged
from tests.scorers.official_numbers import (
    ROOT,
    Row,
    added,
    joined,
    numbers_of,
    right,
    rows_of,
    scores_of,
    scores_of_example,
    without_answer,
)
from tests.scorers.official_tables import AUTOEVALS, IFEVAL, INSPECT_OTHERWISE, OTHERWISE, inspect_scorer
from tests.scorers.samples import make_case


async def gsm8k() -> AsyncIterator[Row]:
    numbers = numbers_of("gsm8k")
    for model, example in (("6b_finetuning", "gsm8k-6b.json"), ("175b_verification", "gsm8k-175b.json")):
        scores = await scores_of_example(example, "answer", joined("gsm8k", f"responses-{model}.jsonl"))
        official = numbers[f"gsm8k/{model}/official"]["count"]
        yield Row(f"GSM8K, {model}", "`number`, `marker`", "right of 1,319", official, right(scores))


async def bbh() -> AsyncIterator[Row]:
    numbers = numbers_of("bbh")
    for kind in ("cot", "direct"):
        items = joined("bbh", f"responses-code-davinci-002-{kind}.jsonl")
        scores = await scores_of_example(f"bbh-{kind}.json", "exact", items)
        passed = Counter(case.metadata["task"] for (case, _), score in zip(items, scores, strict=True) if score.passed)
        tasks = {name.split("/")[1]: entry for name, entry in numbers.items() if name.endswith(f"/{kind}")}
        every = tasks.pop("ALL")
        data = f"BIG-Bench Hard, {kind}"
        yield Row(data, "`exact`, `extract`", "right of 2,146", every["count"], right(scores))
        agreeing = sum(passed[task] == entry["count"] for task, entry in tasks.items())
        yield Row(data, "`exact`, `extract`", "tasks with the published count", len(tasks), agreeing)


async def mmlu_pro() -> AsyncIterator[Row]:
    for model, example in (("Yi-34B", "mmlu-pro-yi.json"), ("jamba-1.5-large", "mmlu-pro-jamba.json")):
        official = numbers_of("mmlu_pro")[f"mmlu_pro/{model}"]
        items = joined("mmlu_pro", f"responses-{model}.jsonl.gz", "cases.jsonl.gz")
        scores = await scores_of_example(example, "choice", items)
        data, scorer = f"MMLU-Pro, {model}", "`choice`, `patterns`"
        yield Row(data, scorer, "right of 12,032", official["correct"], right(scores))
        yield Row(data, scorer, "without an answer", official["no_answer_extracted"], without_answer(scores))
        passed = Counter(case.metadata["category"] for (case, _), s in zip(items, scores, strict=True) if s.passed)
        by_category = official["by_category"]
        agreeing = sum(passed[name] == entry["correct"] for name, entry in by_category.items())
        yield Row(data, scorer, "categories with the published count", len(by_category), agreeing)


async def triviaqa() -> AsyncIterator[Row]:
    for model in ("fid", "gpt35", "chatgpt"):
        official = numbers_of("triviaqa")[f"triviaqa/{model}"]
        items = joined("triviaqa", f"responses-{model}.jsonl")
        data = f"TriviaQA, {model}"
        yield Row(data, "`squad_em`", "right of 2,000", official["em_count"], right(await scores_of("squad_em", items)))
        f1 = await scores_of("squad_f1", items)
        yield Row(data, "`squad_f1`", "sum", official["f1_sum"], added(f1))
        contains = await scores_of_example(f"triviaqa-{model}.json", "contains", items)
        scorer = "`includes`, `form: squad`"
        yield Row(data, scorer, "answers that contain it", official["normalised_contains"], right(contains))
        improper = {row["id"] for row in rows_of("triviaqa/cases.jsonl") if row["improper"]}
        human = {row["id"]: row["official"]["human_correct"] for row in rows_of(f"triviaqa/responses-{model}.jsonl")}
        agreeing = sum(
            human[case.id] is score.passed
            for (case, _), score in zip(items, contains, strict=True)
            if case.id not in improper and human[case.id] is not None
        )
        yield Row(data, scorer, "of 1,938 judged as people do", official["contains_agrees_with_human"], agreeing)


async def xsum() -> AsyncIterator[Row]:
    numbers = numbers_of("xsum_rouge")
    expected = {row["id"]: row["expected"] for row in rows_of("xsum_rouge/cases.jsonl")}
    for model in ("BERTS2S", "PtGen"):
        items = [
            (make_case(expected[row["id"]]), row["response"]) for row in rows_of(f"xsum_rouge/responses-{model}.jsonl")
        ]
        for name, mean in numbers[f"xsum/{model}"]["mean_f"].items():
            variant, _, stem = name.partition("_")
            config = {"type": "rouge", "variant": variant, "stemmer": bool(stem)}
            scorer = f"`rouge`, `{variant}`{', `stemmer`' if stem else ''}"
            yield Row(f"XSum, {model}", scorer, "mean F", mean, added(await scores_of(config, items)) / len(items))
        official = numbers[f"xsum_bleu/{model}"]
        bleu = await scores_of("bleu", items)
        mean = official["mean_sentence_bleu_effective_order"]
        yield Row(f"XSum, {model}", "`bleu`", "mean of sentences", mean, added(bleu) / len(bleu))
        for scorer, config, name in (
            ("`bleu`", "bleu", "corpus_bleu_13a_exp"),
            ("`bleu`, `lowercase`", {"type": "bleu", "lowercase": True}, "corpus_bleu_lowercase"),
            ("`chrf`", "chrf", "chrF2"),
            ("`chrf`, `word_order: 2`", {"type": "chrf", "word_order": 2}, "chrF2++"),
            ("`ter`", "ter", "TER"),
        ):
            scores = bleu if config == "bleu" else await scores_of(config, items)
            yield Row(f"XSum, {model}", scorer, "corpus", official[name], corpus(scores))


def corpus(scores: Iterable[Score]) -> float:
    """The score of all answers as one text."""
    counts = CorpusCounts()
    for score in scores:
        counts.add(score.detail["corpus"])
    found = counts.score()
    assert found is not None
    return found


async def rouge155() -> AsyncIterator[Row]:
    rows, agreeing = rows_of("rouge155/cases.jsonl"), 0
    for row in rows:
        ours = []
        for measure in ("precision", "recall", "f"):
            config = {"type": "rouge", "variant": row["type"], "stemmer": row["stem"], "measure": measure}
            ours.append(added(await scores_of(config, [(make_case(row["reference"]), row["response"])])))
        agreeing += all(abs(one - other) <= 5e-6 for one, other in zip(ours, row["rouge155"], strict=True))
    official = numbers_of("rouge155")["rouge155"]["n"]
    yield Row("ROUGE-1.5.5, the Perl original", "`rouge`", "cases to its 5 digits", official, agreeing)


async def sacrebleu_cases() -> AsyncIterator[Row]:
    agreeing = 0
    for row in rows_of("sacrebleu_cases/cases.jsonl"):
        names = {"smooth_method": "smooth", "max_ngram_order": "max_order"}
        options = {names.get(name, name): value for name, value in row["params"].items() if value is not None}
        config = {"type": "chrf" if "chrf" in row["metric"] else "bleu", **options}
        references = list(zip(*row["reference_streams"], strict=True))
        items = [(make_case(texts), text) for text, texts in zip(row["hypotheses"], references, strict=True)]
        scores = await scores_of(config, items)
        ours = added(scores) if row["metric"].startswith("sentence") or effective(row) else corpus(scores)
        agreeing += abs(ours - row["expected"]) <= row["eps"] and math.isclose(
            ours, row["sacrebleu_2.6.0"], rel_tol=1e-9
        )
    official = numbers_of("sacrebleu_cases")["sacrebleu_cases"]["n"]
    yield Row("sacrebleu's own tests", "`bleu`, `chrf`", "cases within its tolerance", official, agreeing)


def effective(row: dict[str, Any]) -> bool:
    """Whether it leaves out orders for which one sentence is too short, which is no matter of a corpus."""
    return bool(row["params"].get("effective_order")) and len(row["hypotheses"]) == 1


async def levenshtein() -> AsyncIterator[Row]:
    official = numbers_of("levenshtein")["levenshtein"]
    items = [(make_case(row["b"]), row["a"]) for row in rows_of("levenshtein/cases.jsonl")]
    distances = await scores_of({"type": "levenshtein", "measure": "distance"}, items)
    data, n = "Levenshtein pairs, 1,500", len(items)
    yield Row(data, "`levenshtein`, `distance`", "sum", official["sum_of_distances"], int(added(distances)))
    similarity = added(await scores_of("levenshtein", items)) / n
    yield Row(data, "`levenshtein`", "mean", official["mean_similarity"], similarity)
    yield Row(data, "`fuzzy`", "mean", official["mean_indel_ratio"], added(await scores_of("fuzzy", items)) / n)


async def ifeval() -> AsyncIterator[Row]:
    for number in numbers_of("ifeval_checks").values():
        model = number["id"].removeprefix("ifeval/")
        rows = rows_of(f"ifeval_checks/checks-{model}.jsonl")
        passed = []
        for row in rows:
            config = IFEVAL[row["check"]["scorer"]](row["check"])
            (score,) = await scores_of(config, [(make_case(), row["response"])])
            passed.append(score.passed is True)
        data, scorer = f"IFEval, {model.replace('__', ' ')}", "`regex`, `includes`, `excludes`, `all`, … (a)"
        yield Row(data, scorer, f"followed of {len(rows)}", number["followed_official"], sum(passed))
        differing = sum(row["official"]["followed"] is not ours for row, ours in zip(rows, passed, strict=True))
        yield Row(data, scorer, "disagreements", number["plain_check_disagreements"], differing)


async def json_schema() -> AsyncIterator[Row]:
    official = numbers_of("json_schema")["jsonschema"]
    rows = rows_of("json_schema/cases.jsonl")
    scores = []
    for row in rows:
        config = {"type": "json_schema", "schema": row["schema"]}
        scores += await scores_of(config, [(make_case(), json.dumps(row["instance"]))])
    agreeing = sum(score.passed is row["valid"] for row, score in zip(rows, scores, strict=True))
    data = f"JSON Schema test suite, {official['n']}"
    errors = len(official["jsonschema 4.26.0 disagreements"])
    yield Row(data, "`json_schema`", "verdicts as the suite's", official["n"] - errors, agreeing)
    unknown = sum(score.value is None for score in scores)
    yield Row(data, "`json_schema`", "that can't be carried out: `\\p{…}` (b)", errors, unknown)


async def json_parsing() -> AsyncIterator[Row]:
    official = numbers_of("json_parsing")["jsontestsuite"]
    rows = rows_of("json_parsing/cases.jsonl")
    texts = [row for row in rows if row.get("text") is not None]
    scores = await scores_of("json_valid", [(make_case(), row["text"]) for row in texts])
    outcome = Counter((row["expect"], score.passed) for row, score in zip(texts, scores, strict=True))
    unread = sum(row.get("text") is None and row["expect"] == "reject" for row in rows)
    data = f"JSONTestSuite, {official['n']}"
    yield Row(data, "`json_valid`", "accepted that must be", official["accept"], outcome["accept", True])
    refused = outcome["reject", False] + unread
    yield Row(data, "`json_valid`", "refused that must be (c)", official["reject"], refused)


async def other_tools() -> AsyncIterator[Row]:
    """Where a scorer here means the same thing; the rows where it does not are listed with their reasons."""
    tried = agreeing = 0
    for row in rows_of("autoevals_cases/cases.jsonl"):
        if row["test"] not in AUTOEVALS or row["id"] in OTHERWISE:
            continue
        tried += 1
        _, text, configs = AUTOEVALS[row["test"]]
        given, other, *rest = row["args"]
        valid = row["test"] == "test_valid_json"
        case = make_case(None if valid else text(other))
        values = [(await scores_of(config, [(case, text(given))]))[0].value for config in configs(row)]
        agreeing += abs(min(values) - (other if valid else rest[0])) <= 1e-4
    scorers = "`exact`, `levenshtein`, `json_valid`, `json_schema`, `json_equal`"
    yield Row("autoevals' tables, 79", scorers, "verdicts that mean the same thing (d)", tried, agreeing)
    tried = agreeing = 0
    for row in rows_of("inspect_cases/cases.jsonl"):
        if (config := inspect_scorer(row)) is None or row["id"] in INSPECT_OTHERWISE:
            continue
        tried += 1
        (score,) = await scores_of(config, [(make_case(tuple(row["expected"])), row["response"])])
        agreeing += ("C" if score.passed else "N" if score.reason == NO_ANSWER else "I") == row["verdict"]
    yield Row("Inspect's tables, 45", "`number`, `regex`", "verdicts that mean the same thing (d)", tried, agreeing)


async def needle() -> AsyncIterator[Row]:
    official = numbers_of("needle")["needle"]
    items = [(make_case(), row["response"]) for row in rows_of("needle/cases.jsonl")]
    park = await scores_of_example("needle.json", "park", items)
    sentence = await scores_of_example("needle.json", "sentence", items)
    data = "Needle in a haystack, 1,376"
    of_park = official['response contains "Dolores Park" (case-insensitive)']
    yield Row(data, "`includes`", "answers with the park", of_park, right(park))
    of_sentence = official["contains whole needle sentence, case-sensitive"]
    yield Row(data, "`includes`, `ignore_case: false`", "answers with the sentence", of_sentence, right(sentence))


HUMANEVAL = {
    "type": "code",
    "allow_code": True,
    "program": "{{ input }}{{ answer }}\n{{ metadata.test }}\ncheck({{ metadata.entry_point }})",
    "timeout_s": 3,
}
"""Prompt, completion, tests, and the call that runs them."""


def problems(name: str = "cases") -> dict[str, Case]:
    """The tasks of HumanEval."""
    rows = rows_of(f"humaneval/{name}.jsonl")
    return {row["task_id"]: Case(seq=1, id=row["task_id"], input=row["prompt"], metadata=row) for row in rows}


async def llmbar() -> AsyncIterator[Row]:
    """Recorded replies of judges: the winner of each, read by the patterns of the authors."""
    data, scorer = "LLMBar, 1,590 replies of judges", "`judge`, `pairwise`"
    found = await official_judged.winners(ROOT)
    rows = official_judged.replies()
    read = [(row[order]["official_winner"], found[row["evaluator"], row["id"]][at])
            for row in rows for at, order in enumerate(("original", "swapped"))]  # fmt: skip
    yield Row(data, scorer, "winners as the authors read them", len(read), sum(one == two for one, two in read))
    unread = sum(one is None for one, _ in read), sum(two is None for _, two in read)
    yield Row(data, scorer, "replies without a winner", *unread)


async def humaneval() -> AsyncIterator[Row]:
    numbers = numbers_of("humaneval")
    tasks = problems()
    solutions = [(case, case.metadata["canonical_solution"]) for case in tasks.values()]
    scores = await scores_of(HUMANEVAL, solutions)
    yield Row(
        "HumanEval, its solutions", "`code`", "right of 164", numbers["humaneval/canonical"]["passed"], right(scores)
    )
    (problem,) = problems("official_sanity_problem").values()
    samples = [(problem, row["completion"]) for row in rows_of("humaneval/official_sanity_samples.jsonl")]
    scores = await scores_of(HUMANEVAL, samples)
    passes = PassCounts()
    passes.add(len(scores), right(scores))
    official = numbers["humaneval/official_sanity"]["pass@1"]
    yield Row("HumanEval, its sanity check of 6", "`code`", "pass@1", official, passes.at(1) or 0.0)


async def humaneval_samples() -> AsyncIterator[Row]:
    official = numbers_of("humaneval")["humaneval/codegen16B[0:20]"]
    tasks = problems()
    rows = rows_of("humaneval/samples-codegen16B-0-19.jsonl.gz")
    scores = await scores_of(HUMANEVAL, [(tasks[row["task_id"]], row["completion"]) for row in rows])
    data = "HumanEval, CodeGen-16B, 3,280"
    yield Row(data, "`code`", "right", official["passed"], right(scores))
    solved = Counter(row["task_id"] for row, score in zip(rows, scores, strict=True) if score.passed)
    yield Row(data, "`code`", "tasks solved at least once", official["tasks_solved_at_least_once"], len(solved))
    passes = PassCounts()
    for task in tasks:
        passes.add(20, solved[task])
    for k in (1, 5, 10, 20):
        yield Row(data, "`code`, 20 epochs", f"pass@{k}", official[f"pass@{k}"], passes.at(k) or 0.0)
