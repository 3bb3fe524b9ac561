"""Scorers that compare texts: `exact`, `normalized`, `includes`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from evalperf.config.scorers import ExactScorer, IncludesScorer, NormalizedScorer
from evalperf.records import Score
from evalperf.scorers.base import EMPTY_TARGET, NO_TARGET, RIGHT, WRONG, Scorer, Targets, verdict
from evalperf.scorers.extraction import text_scorer
from evalperf.scorers.normal_forms import general_form, squad_form
from evalperf.scorers.resources import Resources

__all__ = ["exact", "includes", "normalized"]

Form = Callable[[str], str]

_FORMS: Final[dict[str, Form]] = {"general": general_form, "squad": squad_form}


def exact(config: ExactScorer, resources: Resources) -> Scorer:
    """Equal character by character, by default without white space around and with regard to case."""
    form = _plain_form(strip=config.strip, ignore_case=config.ignore_case)
    return text_scorer(config, "exact", _equality(form), resources)


def normalized(config: NormalizedScorer, resources: Resources) -> Scorer:
    """Equal in the form that `normal_forms` defines."""
    return text_scorer(config, "normalized", _equality(_FORMS[config.form]), resources)


def includes(config: IncludesScorer, resources: Resources) -> Scorer:
    """The texts, or the targets, stand in the answer: any of them, or all; `negate` asks for the opposite."""
    form = _FORMS[config.form] if config.form is not None else _plain_form(strip=False, ignore_case=config.ignore_case)
    values = tuple(config.values) if config.values is not None else None
    value_forms = _forms(values, form) if values is not None else None
    enough = any if config.match == "any" else all

    def judge(answer: str, targets: Targets) -> Score:
        wanted = targets if values is None else values
        if not wanted:
            return NO_TARGET
        forms = _forms(targets, form) if value_forms is None else value_forms
        if not forms:
            return EMPTY_TARGET
        plain = form(answer)
        there = [text in plain for text in forms]
        if enough(there) != config.negate:
            return RIGHT
        named = forms[there.index(config.negate)]
        return verdict(False, reason=f"{'contains' if config.negate else 'without'} {named!r}")

    return text_scorer(config, "includes", judge, resources, needs_target=values is None)


def _forms(texts: Targets, form: Form) -> Targets:
    """The forms of the texts, without the empty ones: every answer would contain them."""
    return tuple(plain for text in texts if (plain := form(text)))


def _equality(form: Form) -> Callable[[str, Targets], Score]:
    def judge(answer: str, targets: Targets) -> Score:
        if not targets:
            return NO_TARGET
        plain = form(answer)
        for target in targets:
            if form(target) == plain:
                return RIGHT
        return WRONG

    return judge


def _plain_form(*, strip: bool, ignore_case: bool) -> Form:
    if strip:
        return (lambda text: text.strip().casefold()) if ignore_case else str.strip
    return str.casefold if ignore_case else str
