"""Scorers that compare texts: `exact`, `normalized`, `includes`, `excludes`, `starts_with`, `ends_with`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from evalperf.config.scorers import (
    EndsWithScorer,
    ExactScorer,
    ExcludesScorer,
    IncludesScorer,
    NormalizedScorer,
    StartsWithScorer,
)
from evalperf.records import Score
from evalperf.scorers.base import EMPTY_TARGET, NO_TARGET, RIGHT, WRONG, Scorer, Targets, TextJudge, verdict
from evalperf.scorers.extraction import text_scorer
from evalperf.scorers.normal_forms import general_form, squad_form
from evalperf.scorers.resources import Resources

__all__ = ["ends_with", "equality", "exact", "excludes", "includes", "normalized", "starts_with"]

Form = Callable[[str], str]

_FORMS: Final[dict[str, Form]] = {"general": general_form, "squad": squad_form}


def exact(config: ExactScorer, resources: Resources) -> Scorer:
    """Equal character by character, by default without white space around and with regard to case."""
    form = _plain_form(strip=config.strip, ignore_case=config.ignore_case)
    return text_scorer(config, "exact", equality(form), resources)


def normalized(config: NormalizedScorer, resources: Resources) -> Scorer:
    """Equal in the form that `normal_forms` defines."""
    return text_scorer(config, "normalized", equality(_FORMS[config.form]), resources)


def includes(config: IncludesScorer, resources: Resources) -> Scorer:
    """The texts, or the targets, stand in the answer: any of them, or all; `negate` asks for the opposite.

    With `min_count` or `max_count` each occurrence counts, without overlaps.
    """
    judge = (
        _counted(config)
        if config.min_count is not None or config.max_count is not None
        else _containment(config, negate=config.negate)
    )
    return text_scorer(config, "includes", judge, resources)


def excludes(config: ExcludesScorer, resources: Resources) -> Scorer:
    """The texts, or the targets, do not stand in the answer: none of them, or with `match: all` not all of them."""
    judge = _containment(config, negate=True)
    return text_scorer(config, "excludes", judge, resources)


def starts_with(config: StartsWithScorer, resources: Resources) -> Scorer:
    """The answer begins with one of the texts or targets, or with all of them."""
    return _edge(config, "starts_with", str.startswith, resources)


def ends_with(config: EndsWithScorer, resources: Resources) -> Scorer:
    """The answer ends with one of the texts or targets, or with all of them."""
    return _edge(config, "ends_with", str.endswith, resources)


def equality(form: Form) -> TextJudge:
    """The verdict whether the answer equals a target, both in that form."""

    def judge(answer: str, targets: Targets) -> Score:
        if not targets:
            return NO_TARGET
        plain = form(answer)
        for target in targets:
            if form(target) == plain:
                return RIGHT
        return WRONG

    return judge


def _containment(config: IncludesScorer | ExcludesScorer, *, negate: bool) -> TextJudge:
    verb = "contains" if negate else "without"
    return _presence(config, _form_of(config), str.__contains__, negate=negate, verb=verb)


def _counted(config: IncludesScorer) -> TextJudge:
    least = config.min_count if config.min_count is not None else 1
    most = config.max_count

    def stands(answer: str, text: str) -> bool:
        count = answer.count(text)
        return count >= least and (most is None or count <= most)

    bounds = f"at least {least}" if most is None else f"{least} to {most}"
    return _presence(config, _form_of(config), stands, negate=False, verb=f"not {bounds} times")


def _edge(
    config: StartsWithScorer | EndsWithScorer, kind: str, stands: Callable[[str, str], bool], resources: Resources
) -> Scorer:
    form = _plain_form(strip=config.strip, ignore_case=config.ignore_case)
    verb = f"does not {kind.replace('s_', ' ')}"  # as in: does not start with 'Yes'
    judge = _presence(config, form, stands, negate=False, verb=verb)
    return text_scorer(config, kind, judge, resources)


def _presence(
    config: IncludesScorer | ExcludesScorer | StartsWithScorer | EndsWithScorer,
    form: Form,
    stands: Callable[[str, str], bool],
    *,
    negate: bool,
    verb: str,
) -> TextJudge:
    """The verdict whether texts stand in the answer as `stands(answer, text)` asks."""
    leave_out = not (isinstance(config, IncludesScorer) and config.empty == "contained")
    value_forms = _forms(tuple(config.values), form, leave_out=leave_out) if config.values is not None else None
    enough = any if config.match == "any" else all

    def judge(answer: str, targets: Targets) -> Score:
        if value_forms is None and not targets:
            return NO_TARGET
        forms = _forms(targets, form, leave_out=leave_out) if value_forms is None else value_forms
        if not forms:
            return EMPTY_TARGET
        plain = form(answer)
        there = [stands(plain, text) for text in forms]
        if enough(there) != negate:
            return RIGHT
        return verdict(False, reason=f"{verb} {forms[there.index(negate)]!r}")

    return judge


def _forms(texts: Targets, form: Form, *, leave_out: bool) -> Targets:
    """The forms of the texts, by default without the empty ones: every answer contains them."""
    return tuple(plain for text in texts if (plain := form(text)) or not leave_out)


def _form_of(config: IncludesScorer | ExcludesScorer) -> Form:
    if config.form is not None:
        return _FORMS[config.form]
    return _plain_form(strip=False, ignore_case=config.ignore_case)


def _plain_form(*, strip: bool, ignore_case: bool) -> Form:
    if strip:
        return (lambda text: text.strip().casefold()) if ignore_case else str.strip
    return str.casefold if ignore_case else str
