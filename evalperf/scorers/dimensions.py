"""The `dimensions` scorer: several sides of an answer, each with a value, a confidence and evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from evalperf.config.rubrics import Criterion
from evalperf.config.scorers_judged import DimensionsScorer
from evalperf.records import Case, Response, Score
from evalperf.scorers.base import NO_TARGET, Scorer, targets_of
from evalperf.scorers.extraction import ResponseExtraction
from evalperf.scorers.judge_calls import Asker, Ledger, NoVerdict, Place, asked_model, bounded, together
from evalperf.scorers.judge_material import Material, MissingFieldError, material_of
from evalperf.scorers.judge_prompt import JudgePrompt
from evalperf.scorers.judge_replies import UnreadableReply, object_schema, only_object, weighted_mean
from evalperf.scorers.resources import Resources
from evalperf.scorers.rubrics import Numbers

__all__ = ["dimensions"]


class View(Struct, frozen=True, kw_only=True):
    """What was said about one dimension."""

    value: float
    confidence: float | None
    """The judge's own, 0 to 1; None where it gave none."""
    evidence: str | None
    evidence_found: bool
    """Whether the evidence stands in the answer, white space and quotes apart."""
    reasoning: str | None


Views = dict[str, View | NoVerdict]

_CONFIDENCE: Final = Numbers(0, 1)
_TASK: Final = "Score the answer on what follows, each on its own, whatever else you think of the answer:"


def dimensions(config: DimensionsScorer, resources: Resources) -> Scorer:
    """The mean of the dimensions by weight, none as soon as one with a weight has none; raises ConfigError.

    Each is asked for in a call of its own, all at the same time, or `together` in one.
    """
    return _DimensionsScorer(config, resources)


class _DimensionsScorer:
    def __init__(self, config: DimensionsScorer, resources: Resources) -> None:
        self.name = config.name if config.name is not None else "dimensions"
        self.weight = config.weight
        self._weights = {part.name: part.weight for part in config.dimensions}
        self._threshold = config.threshold
        self._parts = config.dimensions
        self._together = config.together
        self._form = DimensionForm(Numbers(*config.scale), list(self._weights) if config.together else ())
        self._prompt = JudgePrompt(config)
        model = asked_model(config.provider, self._form.schema if config.constrain else None, resources)
        self._asker: Asker[list[View | NoVerdict]] = Asker(
            model,
            repairs=config.repairs,
            reads_cut_off=True,
            threads=resources.threads,
            limit_s=config.time_limit_s,
        )
        self._needs_target = config.needs_target
        self._extraction = ResponseExtraction(config, resources.threads)

    async def score(self, case: Case, response: Response) -> Score:
        """The weighted mean, with each dimension in the detail."""
        return await self._extraction.score(case, response, self._viewed)

    async def _viewed(self, case: Case, response: Response) -> Score:
        if self._needs_target and not targets_of(case, response):
            return NO_TARGET
        try:
            material = material_of(case, response, self._prompt.fields)
        except MissingFieldError as error:
            return Score(value=None, reason=str(error))
        ledger = Ledger()
        if self._together:
            views = await self._ask(case, material, self._parts, Place(material.answer, 1), ledger)
        else:
            each = await together(
                self._ask(case, material, [part], Place(material.answer, 1 + at * self._asker.calls_each), ledger)
                for at, part in enumerate(self._parts)
            )
            views = {name: view for found in each for name, view in found.items()}
        return self._score(views, ledger)

    async def _ask(self, case: Case, material: Material, parts: list[Criterion], place: Place, ledger: Ledger) -> Views:
        """The views on these dimensions, out of one question."""
        listed = "\n".join(f"- {part.name}: {part.description}" for part in parts)
        messages = self._prompt.messages(material, f"{_TASK}\n{listed}", self._form.ask)
        found = await self._asker.ask(
            case, messages, lambda reply, _limit: self._form.read(reply, material), place, ledger
        )
        names = [part.name for part in parts]
        return dict.fromkeys(names, found) if isinstance(found, NoVerdict) else dict(zip(names, found, strict=True))

    def _score(self, views: Views, ledger: Ledger) -> Score:
        value, reason = self._overall(views)
        return Score(
            value=value,
            passed=None if value is None or self._threshold is None else value >= self._threshold,
            reason=reason,
            detail={"dimensions": {name: _as_detail(view) for name, view in views.items()}},
            spent=ledger.spent(),
        )

    def _overall(self, views: Views) -> tuple[float | None, str | None]:
        for name, view in views.items():
            if isinstance(view, NoVerdict) and self._weights[name] > 0:
                return None, f"no verdict on {name} ({view.kind}): {view.message}"
        values = {name: view.value for name, view in views.items() if isinstance(view, View)}
        weighted = {name: value for name, value in values.items() if self._weights[name] > 0}
        return weighted_mean(weighted, self._weights), None


class DimensionForm:
    """A score, a confidence and a quotation, as a JSON object; with `names` one such object for each of them."""

    def __init__(self, scale: Numbers, names: Sequence[str] = ()) -> None:
        self._scale = scale
        self._names = names
        one = '{"reasoning": "…", "evidence": "…", "score": …, "confidence": …}'
        shape = '{"dimensions": {' + ", ".join(f'"{name}": {one}' for name in names) + "}}" if names else one
        self.ask = (
            f"Reply with one JSON object and nothing else:\n{shape}\n"
            f'"reasoning" is one or two sentences; "evidence" is a short passage copied letter for letter from the '
            f'answer, or "" where there is none; "score" is {scale.words}; "confidence" is a number from 0 (a guess) '
            f"to 1 (certain)."
        )
        schema = object_schema(
            {
                "reasoning": {"type": "string"},
                "evidence": {"type": "string"},
                "score": scale.schema,
                "confidence": _CONFIDENCE.schema,
            }
        )
        self.schema = object_schema({"dimensions": object_schema(dict.fromkeys(names, schema))}) if names else schema

    def read(self, reply: str, material: Material) -> list[View | NoVerdict]:
        """The views in the order of the names; raises UnreadableReply where there is none at all."""
        if not self._names:
            return [self._view(only_object(reply, material, "score"), material)]
        found = only_object(reply, material, "dimensions")["dimensions"]
        views: list[View | NoVerdict] = []
        for name in self._names:
            try:
                views.append(self._view(found.get(name) if isinstance(found, dict) else None, material))
            except UnreadableReply as error:
                views.append(NoVerdict("bad_reply", str(error)))
        faults = [view.message for view in views if isinstance(view, NoVerdict)]
        if len(faults) == len(views):
            raise UnreadableReply("; ".join(dict.fromkeys(faults)))
        return views

    def _view(self, found: Any, material: Material) -> View:
        if not isinstance(found, dict):
            raise UnreadableReply('there is no object with a "score"')
        said = self._scale.read(found.get("score"))
        if said is None:
            shown = bounded(repr(found.get("score")), 60)
            raise UnreadableReply(f'the "score" is {shown}: expected {self._scale.words}')
        evidence = _text(found.get("evidence"))
        confidence = _CONFIDENCE.read(found.get("confidence"))
        return View(
            value=said.value,
            confidence=None if confidence is None else confidence.value,
            evidence=evidence,
            evidence_found=evidence is not None and material.echoes(evidence, "answer"),
            reasoning=_text(found.get("reasoning")),
        )


def _text(said: Any) -> str | None:
    return said if isinstance(said, str) and said.strip() else None


def _as_detail(view: View | NoVerdict) -> dict[str, Any]:
    if isinstance(view, NoVerdict):
        return {"value": None, "failure": view.as_detail()}
    return {
        "value": view.value,
        "confidence": view.confidence,
        "evidence": None if view.evidence is None else bounded(view.evidence),
        "evidence_found": view.evidence_found,
        "reasoning": None if view.reasoning is None else bounded(view.reasoning),
    }
