"""What a judge is asked: the texts between their delimiters, the verdicts there are, and the form of the reply."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

__all__ = ["Labels", "Request", "Scale", "read_request"]

_QUOTED: Final = re.compile(
    r"<(?P<name>[\w .-]{1,80}) (?P<tag>[0-9a-f]{8,64})>\n(?P<text>.*?)\n</(?P=name) (?P=tag)>", re.DOTALL
)
_LABELS: Final = re.compile(r'one of ("[^"\n]+"(?:, "[^"\n]+")*)')
_SCALE: Final = re.compile(r"a number from (-?[\d.]+(?:e[-+]?\d+)?) \(worst\) to (-?[\d.]+(?:e[-+]?\d+)?) \(best\)")
_SKELETON: Final = re.compile(r"^\{.*….*\}$", re.MULTILINE)
_BRACKETS: Final = re.compile(r"\[\[(\w+)\]\]")


class Labels(Struct, frozen=True):
    """Verdicts by name, in the order in which they were named."""

    names: tuple[str, ...]


class Scale(Struct, frozen=True):
    """Verdicts by number."""

    worst: float
    best: float


class Request(Struct, frozen=True, kw_only=True):
    """What is to be judged, and how."""

    texts: dict[str, tuple[str, ...]]
    """By the names of their delimiters: input, answer, target, answer_a, answer_b, …"""
    verdicts: Labels | Scale
    skeleton: str | None
    """A JSON object with … in the place of each value; None where another form is asked for."""
    brackets: bool
    """Whether the verdict is to stand in double brackets."""


def read_request(conversation: str) -> Request | None:
    """What a conversation asks a judge; None where it asks for no verdict."""
    texts: dict[str, tuple[str, ...]] = {}
    for match in _QUOTED.finditer(conversation):
        texts[match["name"]] = (*texts.get(match["name"], ()), match["text"])
    instructions = _QUOTED.sub("", conversation)
    bracketed = tuple(dict.fromkeys(_BRACKETS.findall(instructions)))
    verdicts = _verdicts(instructions, bracketed)
    if verdicts is None:
        return None
    skeleton = _SKELETON.search(instructions)
    return Request(
        texts=texts,
        verdicts=verdicts,
        skeleton=None if skeleton is None else skeleton.group(),
        brackets=bool(bracketed),
    )


def _verdicts(instructions: str, bracketed: tuple[str, ...]) -> Labels | Scale | None:
    if len(bracketed) > 1:
        return Labels(bracketed)
    if (scale := _SCALE.search(instructions)) is not None:
        return Scale(float(scale[1]), float(scale[2]))
    if (labels := _LABELS.search(instructions)) is not None:
        return Labels(tuple(re.findall(r'"([^"\n]+)"', labels[1])))
    return None
