"""Labels that people gave to answers, so that the summary can hold the judge against them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace

from evalperf.errors import ConfigError
from evalperf.records import Case, Response, Score

__all__ = ["HumanLabels", "read_labels"]

_KEYS: Final = ("id", "output", "label")


class HumanLabels:
    """By case and answer: a label is for the answer that was seen, and says nothing about another one."""

    def __init__(self, labels: dict[str, dict[str, float]]) -> None:
        self._labels = labels

    def beside(self, score: Score, case: Case, response: Response) -> Score:
        """The score with `human` in its detail where the case has a label: None where that is for another answer."""
        labels = self._labels.get(case.id)
        if labels is None:
            return score
        detail = {} if score.detail is UNSET else score.detail
        return replace(score, detail={**detail, "human": labels.get(response.completion.text)})


def read_labels(path: Path, value_of: Callable[[Any], float | None], expected: str) -> HumanLabels:
    """The labels of a file, read whole; raises ConfigError with the line of what is no label.

    `value_of` gives the value of a label, None for what is none, and `expected` says in words what is one.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # splitlines() would cut an answer at U+2028
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"calibration: can't read {path}: {error}") from error
    labels: dict[str, dict[str, float]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        row = _row(line, place)
        value = value_of(row["label"])
        if value is None:
            raise ConfigError(f"{place}: the label is {row['label']!r}: expected {expected}")
        of_case = labels.setdefault(row["id"], {})
        if of_case.setdefault(row["output"], value) != value:
            raise ConfigError(f'{place}: the same answer of case "{row["id"]}" had another label before')
    if not labels:
        raise ConfigError(f"calibration: {path} holds no label")
    return HumanLabels(labels)


def _row(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{place}: not JSON: {error}") from error
    missing = [key for key in _KEYS if not isinstance(row, dict) or row.get(key) is None]
    if missing:
        raise ConfigError(f'{place}: there is no "{missing[0]}"', hint=f"each line has {', '.join(_KEYS)}")
    if not isinstance(row["output"], str):
        raise ConfigError(f'{place}: "output" is no text: expected the answer that was labelled')
    return {**row, "id": str(row["id"])}
