"""How a judge replies: as it is asked to, in a form that is only nearly so, or in a way that leaves no verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from evalperf.simulator.judging.judge import Judgement, judge
from evalperf.simulator.judging.request import Request, Scale, read_request
from evalperf.simulator.options import JudgeOptions

__all__ = ["BROKEN_FORMS", "GOOD_FORMS", "REFUSALS", "Spoken", "speak"]

_HOLE: Final = re.compile(r'"(?P<name>[^"]+)": (?P<hole>"…"|…)')

_REFUSAL: Final = "I'm sorry, but I can't judge this answer."
_NOT_ASKED: Final = "I am a judge: tell me which verdicts there are, and what I shall judge."


class Spoken(Struct, frozen=True, kw_only=True):
    """A reply, and what kind it is."""

    text: str
    form: str
    """One of the names below, or `not_asked`; `late_` before it where it comes late."""
    finish_reason: Literal["stop", "content_filter"] = "stop"
    wait_s: float = 0.0
    """How much later than usual it comes."""


def speak(conversation: str, options: JudgeOptions, u: float) -> Spoken:
    """The reply to a conversation; `u` from 0 to 1 decides its form, always in the same way."""
    request = read_request(conversation)
    if request is None:
        return Spoken(text=_NOT_ASKED, form="not_asked")
    reply = _reply(request, judge(request))
    for share, say in (
        (options.broken, _broken),
        (options.refusing, _refusing),
        (options.late, lambda reply, v: _late(reply, v, options)),
    ):
        if u < share:
            return say(reply, u / share)
        u -= share
    return _good(reply, u / (1 - options.broken - options.refusing - options.late), options.varied)


class _Reply(Struct, frozen=True):
    """A good reply in two parts; the verdict's part alone is what was asked for."""

    reasoning: str
    verdict: str
    is_json: bool
    wrong_verdict: str
    """The verdict's part with one that does not exist."""


def _good(reply: _Reply, u: float, varied: bool) -> Spoken:
    name, form = _pick(GOOD_FORMS, u) if varied else ("bare", _bare)
    return Spoken(text=form(reply), form=name)


def _broken(reply: _Reply, u: float) -> Spoken:
    name, form = _pick(BROKEN_FORMS, u)
    return Spoken(text=form(reply), form=name)


def _refusing(_: _Reply, u: float) -> Spoken:
    if u < 0.5:
        return Spoken(text=_REFUSAL, form="refused")
    return Spoken(text="", form="filtered", finish_reason="content_filter")


def _late(reply: _Reply, u: float, options: JudgeOptions) -> Spoken:
    good = _good(reply, u, options.varied)
    return Spoken(text=good.text, form=f"late_{good.form}", wait_s=options.late_s)


def _reply(request: Request, judgement: Judgement) -> _Reply:
    wrong = request.verdicts.best * 10 + 1 if isinstance(request.verdicts, Scale) else "excellent"
    said, nonsense = (_filled(request, judgement, verdict) for verdict in (judgement.verdict, wrong))
    return _Reply(judgement.reasoning, said, request.skeleton is not None, nonsense)


def _filled(request: Request, judgement: Judgement, verdict: str | float) -> str:
    """The verdict in the form that is asked for: an object, double brackets, or a last line."""
    if request.skeleton is not None:
        values: dict[str, Any] = {
            "reasoning": judgement.reasoning,
            "evidence": judgement.evidence,
            "confidence": round(abs(2 * judgement.likeness - 1), 2),
        }
        return _HOLE.sub(
            lambda hole: f"{json.dumps(hole['name'])}: {json.dumps(values.get(hole['name'], verdict))}",
            request.skeleton,
        )
    return f"[[{verdict}]]" if request.brackets else f"VERDICT: {verdict}"


def _bare(reply: _Reply) -> str:
    return reply.verdict if reply.is_json else f"{reply.reasoning}\n{reply.verdict}"


def _fenced(reply: _Reply) -> str:
    """In a code fence; where a last line is asked for, in bold."""
    return f"```json\n{reply.verdict}\n```" if reply.is_json else f"{reply.reasoning}\n\n**{reply.verdict}**"


def _with_talk(reply: _Reply) -> str:
    """Talk around an object; before a last line more of it."""
    if reply.is_json:
        return f"Here is my judgement:\n\n{reply.verdict}\n\nI hope this helps."
    return f"Let me look at it closely.\n\n{reply.reasoning}\n\n{reply.verdict}\n"


def _with_thoughts(reply: _Reply) -> str:
    return f"<think>\n{reply.reasoning} Is that right? I think so.\n</think>\n{_bare(reply)}"


def _lax(reply: _Reply) -> str:
    """JSON with a comma too many; a last line in lower case."""
    if reply.is_json:
        return reply.verdict[:-1] + ",}"
    return f"{reply.reasoning}\n{reply.verdict.replace('VERDICT', 'Verdict')}."


def _cut_off(reply: _Reply) -> str:
    """Ends before the verdict."""
    return reply.verdict[: reply.verdict.index(":") + 3] if reply.is_json else reply.reasoning[:20]


def _talk_only(reply: _Reply) -> str:
    return reply.reasoning


def _wrong_verdict(reply: _Reply) -> str:
    return reply.wrong_verdict


def _contradicting(reply: _Reply) -> str:
    """A verdict, and then something that is none: the last word counts for nothing."""
    return f"{reply.wrong_verdict}\n\nOn second thoughts, I would rather not say."


def _empty(_: _Reply) -> str:
    return ""


GOOD_FORMS: Final[dict[str, Callable[[_Reply], str]]] = {
    "bare": _bare,
    "fenced": _fenced,
    "with_talk": _with_talk,
    "with_thoughts": _with_thoughts,
    "lax": _lax,
}
"""Forms from which the verdict can be read, with some patience."""

BROKEN_FORMS: Final[dict[str, Callable[[_Reply], str]]] = {
    "cut_off": _cut_off,
    "talk_only": _talk_only,
    "wrong_verdict": _wrong_verdict,
    "contradicting": _contradicting,
    "empty": _empty,
}
"""Forms without a verdict that is one."""

REFUSALS: Final = ("refused", "filtered")


def _pick(forms: dict[str, Callable[[_Reply], str]], u: float) -> tuple[str, Callable[[_Reply], str]]:
    names: Sequence[str] = tuple(forms)
    name = names[min(int(u * len(names)), len(names) - 1)]
    return name, forms[name]
