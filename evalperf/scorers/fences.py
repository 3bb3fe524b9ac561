"""Answers that stand between ``` fences, as Markdown has them."""

from __future__ import annotations

import re
from typing import Final, Literal

from evalperf.config.scorer_options import Fences

__all__ = ["fenced", "unfenced", "without_fence"]

_INFO: Final = re.compile(r"[A-Za-z][\w+.-]*(?=\s)")
_BLOCK: Final = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n`]*\n(?P<inside>.*?)(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)


def unfenced(text: str, fences: Fences, which: Literal["first", "last"] = "last") -> str:
    """What a scorer looks at, by its option `fences`."""
    if fences is False:
        return text
    return without_fence(text) if fences is True else fenced(text, which)


def without_fence(text: str) -> str:
    """What stands between the ``` fences around the whole text; the text itself where there are none."""
    bare = text.strip()
    if len(bare) < 6 or not (bare.startswith("```") and bare.endswith("```")):
        return text
    inner = bare[3:-3]
    info = _INFO.match(inner)
    return inner[info.end() :] if info is not None else inner


def fenced(text: str, which: Literal["first", "last"]) -> str:
    """What stands in the first or last ``` or ~~~ fence; one that is not closed ends with the text.

    The text itself where there is no fence.
    """
    found = [match["inside"] for match in _BLOCK.finditer(text)]
    if not found:
        return text
    return found[0] if which == "first" else found[-1]
