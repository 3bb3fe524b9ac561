"""The judgement: a comparison by rules, without chance and without a view on what can't be compared."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from msgspec import Struct

from evalperf.simulator.judging.request import Labels, Request, Scale

__all__ = ["Judgement", "judge"]

_NUMBER: Final = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
_WORD: Final = re.compile(r"\w+")
_EVIDENCE_WORDS: Final = 6
_NEAR: Final = 0.05
"""Two answers of a pair whose likeness to the reference differs by less are a tie."""


class Judgement(Struct, frozen=True, kw_only=True):
    """What the judge thinks."""

    likeness: float
    """How much the answer says what the reference says, 0 to 1."""
    verdict: str | float
    reasoning: str
    evidence: str
    """A passage of the answer."""


def judge(request: Request) -> Judgement:
    """The verdict on an answer, or on a pair of them."""
    if "answer_a" in request.texts and "answer_b" in request.texts:
        return _judge_pair(request)
    answer = " ".join(request.texts.get("answer", ("",)))
    references = request.texts.get("target", ())
    if references:
        likeness = max(_likeness(answer, reference) for reference in references)
        reasoning = f"Of what the reference says, {likeness:.0%} is in the answer."
    else:
        likeness = 1.0 if answer.strip() else 0.0
        reasoning = "Without a reference, an answer that says something is as good as any."
    evidence = " ".join(answer.split()[-_EVIDENCE_WORDS:])
    return Judgement(
        likeness=likeness, verdict=_verdict(likeness, request.verdicts), reasoning=reasoning, evidence=evidence
    )


def _judge_pair(request: Request) -> Judgement:
    references = request.texts.get("target", ()) or request.texts.get("input", ())
    a, b = (
        max((_likeness(" ".join(request.texts[name]), reference) for reference in references), default=0.0)
        for name in ("answer_a", "answer_b")
    )
    names = request.verdicts.names if isinstance(request.verdicts, Labels) else ()
    tie = next((name for name in names if name not in {"A", "B"}), None)
    better = "A" if a >= b else "B"
    return Judgement(
        likeness=max(a, b),
        verdict=tie if tie is not None and abs(a - b) < _NEAR else better,
        reasoning=f"Compared with the text at hand, answer A reaches {a:.0%} and answer B {b:.0%}.",
        evidence="",
    )


def _likeness(answer: str, reference: str) -> float:
    """1 where the last numbers are equal, if the reference is one; else the F1 of the words."""
    if _NUMBER.fullmatch(reference.strip()):
        found = _NUMBER.findall(answer)
        return float(bool(found) and _number(found[-1]) == _number(reference.strip()))
    said, wanted = (Counter(_WORD.findall(text.casefold())) for text in (answer, reference))
    common = (said & wanted).total()
    return 2 * common / (said.total() + wanted.total()) if common else 0.0


def _number(text: str) -> str:
    bare = text.replace(",", "").replace("−", "-")
    return bare.rstrip("0").rstrip(".") if "." in bare else bare


def _verdict(likeness: float, verdicts: Labels | Scale) -> str | float:
    """The label at the likeness' place in the order from best to worst, or a number on the scale, in tenths of it."""
    if isinstance(verdicts, Labels):
        last = len(verdicts.names) - 1
        return verdicts.names[round((1.0 - likeness) * last)]
    span = verdicts.best - verdicts.worst
    number = verdicts.worst + span * round(likeness * 10) / 10
    return int(number) if number == int(number) else round(number, 6)
