"""From a judge's reply to its verdict, or to what is wrong with the reply."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

from evalperf.config.scorers_judged import PatternReply
from evalperf.errors import ConfigError
from evalperf.scorers.extraction import compile_pattern
from evalperf.scorers.judge_json import MAX_REPLY_CHARS, Found, find_objects
from evalperf.scorers.judge_material import Material
from evalperf.scorers.rubrics import Rubric, Said
from evalperf.scorers.time_limit import UNLIMITED, TimeLimit

if TYPE_CHECKING:
    import regex

__all__ = [
    "JsonForm",
    "ReplyForm",
    "UnreadableReply",
    "Verdict",
    "object_schema",
    "only_object",
    "reply_form",
    "weighted_mean",
    "without_thinking",
]

_THINKING: Final = re.compile(r"\A\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_SHOWN_CHARS: Final = 60


class UnreadableReply(ValueError):  # noqa: N818 - an outcome that is told to the judge, not an error of ours
    """A reply without a verdict; the message says what is wrong, in words that help the judge."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What a judge has said in one reply."""

    value: float
    label: str | None = None
    reasoning: str | None = None
    parts: dict[str, float] | None = None
    """The value of each criterion, where the rubric has several."""


class ReplyForm(Protocol):
    """How a judge is told to reply, and how its replies are read."""

    @property
    def ask(self) -> str | None:
        """For the prompt; None where the user's own template says it."""

    def read(self, reply: str, material: Material, limit: TimeLimit) -> Verdict:
        """The verdict; raises UnreadableReply, and TimeoutError where patterns take too long.

        What is copied from the material is no verdict.
        """


def reply_form(config: str | PatternReply, rubric: Rubric) -> ReplyForm:
    """The form of a configuration; raises ConfigError for a pattern that is none."""
    if isinstance(config, PatternReply):
        return PatternForm(config, rubric)
    if config == "line":
        return LineForm(rubric)
    return JsonForm(rubric)


def without_thinking(reply: str) -> str:
    """The reply without the thoughts that some models put before it, ended or not; a draft in there is no verdict."""
    return _THINKING.sub("", reply, count=1)


def only_object(reply: str, material: Material, wanted: str) -> dict[str, Any]:
    """The one object in a reply that has this name; raises UnreadableReply where there is none, or several that differ.

    An object that stands in the judged texts has been copied from there.
    """
    reply = material.without_quotations(without_thinking(reply))
    if len(reply) > MAX_REPLY_CHARS:
        raise UnreadableReply(f"the reply is longer than {MAX_REPLY_CHARS:,} characters")
    objects = [found for found in find_objects(reply) if wanted in found.value]
    own = [found for found in objects if not material.echoes(found.source)]
    if not own:
        raise UnreadableReply(_no_object(objects, wanted))
    if any(found.value[wanted] != own[0].value[wanted] for found in own):
        raise UnreadableReply(f'there are {len(own)} JSON objects with different values of "{wanted}"')
    return own[-1].value


def _no_object(copies: list[Found], wanted: str) -> str:
    if copies:
        return f'the only JSON object with "{wanted}" stands in the quoted material as well: add reasoning of your own'
    return f'there is no complete JSON object with "{wanted}"'


class JsonForm:
    """An object with the reasoning before the verdict; with criteria, one such object for each."""

    def __init__(self, rubric: Rubric) -> None:
        self._rubric = rubric
        words = rubric.scale.words
        one = {"reasoning": {"type": "string"}, "verdict": rubric.scale.schema}
        if rubric.parts:
            each = {name: object_schema(one) for name in rubric.parts}
            self.schema = object_schema({"criteria": object_schema(each)})
            inside = ", ".join(f'"{name}": {{"reasoning": "…", "verdict": …}}' for name in rubric.parts)
            self.ask = (
                f'Reply with one JSON object and nothing else:\n{{"criteria": {{{inside}}}}}\n'
                f'Each "reasoning" is one or two sentences, each "verdict" is {words}.'
            )
        else:
            self.schema = object_schema(one)
            self.ask = (
                'Reply with one JSON object and nothing else:\n{"reasoning": "…", "verdict": …}\n'
                f'"reasoning" is a few sentences, "verdict" is {words}.'
            )

    def read(self, reply: str, material: Material, limit: TimeLimit = UNLIMITED) -> Verdict:  # noqa: ARG002
        """The verdict of the only object that has one."""
        if self._rubric.parts:
            return self._criteria(only_object(reply, material, "criteria")["criteria"])
        found = only_object(reply, material, "verdict")
        said = self._said(found["verdict"], "verdict")
        return Verdict(value=said.value, label=said.label, reasoning=_reasoning(found))

    def _criteria(self, found: Any) -> Verdict:
        if not isinstance(found, dict):
            raise UnreadableReply('"criteria" is not an object')
        values: dict[str, float] = {}
        reasons: list[str] = []
        for name in self._rubric.parts:
            item = found.get(name)
            said = item.get("verdict") if isinstance(item, dict) else item
            values[name] = self._said(said, f'verdict on "{name}"').value
            reasoning = _reasoning(item)
            if reasoning is not None:
                reasons.append(f"{name}: {reasoning}")
        value = weighted_mean(values, self._rubric.parts)
        return Verdict(value=value, reasoning="; ".join(reasons) or None, parts=values)

    def _said(self, said: Any, place: str) -> Said:
        return _said(self._rubric, said, place)


class LineForm:
    """Reasoning, and a last line with the verdict."""

    def __init__(self, rubric: Rubric) -> None:
        self._rubric = rubric
        self.ask = (
            "Explain your view in a few sentences. Then end with one line of this form, and nothing after it:\n"
            f"VERDICT: (here {rubric.scale.words}, without quotes)"
        )

    def read(self, reply: str, material: Material, limit: TimeLimit = UNLIMITED) -> Verdict:  # noqa: ARG002
        """The verdict in the last line that is not empty; a line that could be a copy has to carry the tag."""
        reasoning, _, line = material.without_quotations(without_thinking(reply)).rstrip().rpartition("\n")
        if len(line) > 500:
            raise UnreadableReply("the last line is no verdict")
        match = re.fullmatch(rf"\W*verdict(?P<tag>\W+{material.tag})?\W*?[:=](?P<said>.*)", line, re.IGNORECASE)
        if match is None:
            raise UnreadableReply(f'the last line is not of the form "VERDICT: …" but {_shown(line)}')
        if match.group("tag") is None and material.echoes_line(line):
            begin = f'begin it with "VERDICT {material.tag}:"'
            raise UnreadableReply(f"the line {_shown(line)} stands in the quoted material as well: {begin}")
        said = _said(self._rubric, match.group("said"), "verdict")
        return Verdict(value=said.value, label=said.label, reasoning=reasoning.strip() or None)


class PatternForm:
    """The verdict by the user's patterns; the whole reply is the reasoning."""

    def __init__(self, config: PatternReply, rubric: Rubric) -> None:
        self.ask = config.ask
        self._rubric = rubric
        self._which = config.which
        patterns: dict[str, str] = config.patterns if config.patterns is not None else {}
        unknown = [label for label in patterns if rubric.scale.read(label) is None]
        if unknown:
            raise ConfigError(f'the pattern for "{unknown[0]}" is for no verdict: expected {rubric.scale.words}')
        self._rules: list[tuple[str | None, regex.Pattern[str]]] = [
            (label, compile_pattern(pattern, config.flags)) for label, pattern in patterns.items()
        ]
        if config.pattern is not None:
            self._rules = [(None, compile_pattern(config.pattern, config.flags))]

    def read(self, reply: str, material: Material, limit: TimeLimit = UNLIMITED) -> Verdict:
        """By `patterns` the first rule that is found, by `pattern` the match that `which` says."""
        text = material.without_quotations(without_thinking(reply))
        said = self._find(text, material.echoes_line, limit)
        return Verdict(value=said.value, label=said.label, reasoning=text.strip() or None)

    def _find(self, text: str, echoes_line: Callable[[str], bool], limit: TimeLimit) -> Said:
        for label, pattern in self._rules:
            matches = [
                match
                for match in pattern.finditer(text, timeout=limit.left_s(), concurrent=limit.concurrent)
                if not echoes_line(_lines_around(text, match.start(), match.end()))
            ]
            if matches and label is not None:
                return _said(self._rubric, label, "verdict")
            if matches:
                group = 1 if pattern.groups else 0
                return self._one([match.group(group) for match in matches])
        raise UnreadableReply("no verdict of the form that was asked for was found")

    def _one(self, found: list[str | None]) -> Said:
        said = [_said(self._rubric, each, "verdict") for each in found]
        if self._which == "only" and any(each != said[0] for each in said):
            raise UnreadableReply(f"there are {len(said)} verdicts, and they differ")
        return said[0] if self._which == "first" else said[-1]


def object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of an object with all of these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def weighted_mean(values: dict[str, float], weights: Any) -> float:
    """The mean of the values by their weights, of which one is above 0."""
    total = math.fsum(weights[name] for name in values)
    return math.fsum(value * weights[name] for name, value in values.items()) / total


def _said(rubric: Rubric, said: Any, place: str) -> Said:
    found = rubric.scale.read(said)
    if found is None:
        raise UnreadableReply(f"the {place} is {_shown(said)}: expected {rubric.scale.words}")
    return found


def _reasoning(found: Any) -> str | None:
    said = found.get("reasoning") if isinstance(found, dict) else None
    return said if isinstance(said, str) and said.strip() else None


def _lines_around(text: str, start: int, end: int) -> str:
    before = text.rfind("\n", 0, start) + 1
    after = text.find("\n", end)
    return text[before : len(text) if after < 0 else after]


def _shown(said: Any) -> str:
    text = repr(said)
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
