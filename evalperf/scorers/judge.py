"""The `judge` scorer: a model judges the answer by a rubric, in a cascade only where cheaper steps are not sure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from evalperf.config.providers import ProviderConfig
from evalperf.config.rubrics import PairwiseRubric
from evalperf.config.scorers import JudgeScorer
from evalperf.records import Case, Response, Score
from evalperf.scorers.base import NO_TARGET, Scorer, targets_of
from evalperf.scorers.extraction import ResponseExtraction
from evalperf.scorers.judge_calls import Asker, Ledger, NoVerdict, asked_model, bounded
from evalperf.scorers.judge_labels import read_labels
from evalperf.scorers.judge_material import Material, MissingFieldError, field_of, material_of
from evalperf.scorers.judge_prompt import JudgePrompt
from evalperf.scorers.judge_replies import JsonForm, ReplyForm, reply_form
from evalperf.scorers.judge_votes import Opinion, Panel, Voting, paired, single
from evalperf.scorers.resources import Resources
from evalperf.scorers.rubrics import Labels, rubric_of

__all__ = ["judge"]


def judge(config: JudgeScorer, resources: Resources) -> Scorer:
    """A scorer that asks a model; raises ConfigError for a model, a template, a pattern or a label that is none."""
    return _JudgeScorer(config, resources)


class _JudgeScorer:
    def __init__(self, config: JudgeScorer, resources: Resources) -> None:
        self.name = config.name if config.name is not None else "judge"
        self.weight = config.weight
        self._pair = config.rubric if isinstance(config.rubric, PairwiseRubric) else None
        self._rubric = rubric_of(config.rubric)
        self._threshold = config.threshold if config.threshold is not None else self._default_threshold(config)
        form = reply_form(config.reply, self._rubric)
        shown = self._pair is None or self._pair.against != "target"
        self._prompt = JudgePrompt(config, pair=self._pair is not None, target_is_shown=shown)
        self._panel = self._panel_of(config, config.provider, config.votes, form, resources)
        self._larger = None
        if config.larger is not None:
            self._larger = self._panel_of(config, config.larger.provider, config.larger.votes, form, resources)
            self._uncertain = config.larger.uncertain
        self._first = None if config.first is None else resources.build(config.first)
        self._sure = {"passed": {True}, "failed": {False}, "both": {True, False}}[config.first_decides]
        self._needs_target = config.needs_target
        self._extraction = ResponseExtraction(config, resources.threads)
        self._labels = None
        if config.calibration is not None:
            path = resources.base_dir / config.calibration.path
            self._labels = read_labels(path, self._rubric.human_value, self._rubric.human_words)

    async def score(self, case: Case, response: Response) -> Score:
        """The value of the step that decides; none where that step has no verdict, and the reason says why."""
        score = await self._extraction.score(case, response, self._judged)
        return score if self._labels is None else self._labels.beside(score, case, response)

    def _panel_of(
        self, config: JudgeScorer, provider: ProviderConfig, votes: int, form: ReplyForm, resources: Resources
    ) -> Panel:
        schema = form.schema if config.constrain and isinstance(form, JsonForm) else None
        majority = config.combine == "majority" or (config.combine is None and isinstance(self._rubric.scale, Labels))
        voting = Voting(
            votes=votes,
            min_votes=config.min_votes if config.min_votes is not None else votes // 2 + 1,
            combine="majority" if majority and not self._rubric.parts else "mean",
            ballot=single if self._pair is None else paired,
        )
        model = asked_model(provider, schema, resources)
        asker: Asker[Any] = Asker(
            model,
            repairs=config.repairs,
            reads_cut_off=isinstance(form, JsonForm),
            threads=resources.threads,
            limit_s=config.time_limit_s,
        )
        return Panel(asker, self._prompt, form, self._rubric, voting)

    def _default_threshold(self, config: JudgeScorer) -> float | None:
        return None if config.combine == "mean" else self._rubric.pass_at

    async def _judged(self, case: Case, response: Response) -> Score:
        if self._needs_target and not targets_of(case, response):
            return NO_TARGET
        try:
            materials = self._materials(case, response)
        except MissingFieldError as error:
            return Score(value=None, reason=str(error))
        steps: dict[str, Any] = {}
        ledger = Ledger()
        if self._first is not None:
            before = await self._first.score(case, response)
            if before.passed is not None and before.passed in self._sure:
                return self._by_first(before)
            steps["first"] = {"value": before.value, "passed": before.passed}
            ledger.add_spent(before)
        return await self._asked(case, materials, steps, ledger)

    async def _asked(self, case: Case, materials: Sequence[Material], steps: dict[str, Any], ledger: Ledger) -> Score:
        opinion = await self._panel.opinion(case, materials, ledger)
        decided_by = "judge"
        if self._larger is not None and self._is_uncertain(opinion):
            steps["judge"] = {"value": _value(opinion), **_as_detail(opinion)}
            decided_by = "larger"
            opinion = await self._larger.opinion(case, materials, ledger)
        if self._first is not None or self._larger is not None:
            steps = {"decided_by": decided_by, **steps}
        return self._score(opinion, steps, ledger)

    def _materials(self, case: Case, response: Response) -> list[Material]:
        """What the judge is shown, once for each order."""
        names = self._prompt.fields
        if self._pair is None:
            return [material_of(case, response, names)]
        answer = response.completion.text
        against = self._pair.against
        other = targets_of(case, response)[0] if against == "target" else field_of(case, against)
        pairs = [(answer, other), (other, answer)] if self._pair.both_orders else [(answer, other)]
        return [material_of(case, response, names, pair) for pair in pairs]

    def _is_uncertain(self, opinion: Opinion) -> bool:
        if isinstance(opinion.outcome, NoVerdict):
            return True
        low, high = self._uncertain
        return low <= opinion.outcome.value <= high

    def _by_first(self, before: Score) -> Score:
        scale = self._rubric.scale
        detail = {"decided_by": "first", "first": {"value": before.value, "passed": before.passed}}
        value = scale.high if before.passed else scale.low
        return Score(value=value, passed=self._passed(value), reason=before.reason, detail=detail, spent=before.spent)

    def _passed(self, value: float) -> bool | None:
        return None if self._threshold is None else value >= self._threshold

    def _score(self, opinion: Opinion, steps: dict[str, Any], ledger: Ledger) -> Score:
        detail = {**steps, **_as_detail(opinion)}
        outcome = opinion.outcome
        if isinstance(outcome, NoVerdict):
            reason: str | None = f"no verdict ({outcome.kind}): {outcome.message}"
            return Score(value=None, reason=reason, detail=detail, spent=ledger.spent())
        reason = None if outcome.reasoning is None else bounded(outcome.reasoning)
        return Score(
            value=outcome.value,
            passed=self._passed(outcome.value),
            reason=reason,
            detail=detail or UNSET,
            spent=ledger.spent(),
        )


def _as_detail(opinion: Opinion) -> dict[str, Any]:
    outcome = opinion.outcome
    if isinstance(outcome, NoVerdict):
        return {"failure": outcome.as_detail(), **opinion.detail}
    said: dict[str, Any] = {} if outcome.label is None else {"verdict": outcome.label}
    if outcome.parts is not None:
        said["criteria"] = outcome.parts
    return {**said, **opinion.detail}


def _value(opinion: Opinion) -> float | None:
    return None if isinstance(opinion.outcome, NoVerdict) else opinion.outcome.value
