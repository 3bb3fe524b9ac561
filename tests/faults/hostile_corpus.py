"""Files that somebody wrote to make a reader fall, each with what has to come of it.

ok: every case is read · bad_input: the run ends with the file, the line and the reason · policy: the same, because of
a limit that can be named.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

__all__ = ["GOOD", "Class", "Corpus", "Hostile", "line"]

Class = Literal["ok", "bad_input", "policy"]

GOOD = b'{"id": "good", "input": "x", "output": "y"}\n'


class Hostile(NamedTuple):
    """One configuration over one input."""

    name: str
    expected: Class
    config: dict[str, Any]


class Corpus:
    """Writes the files into a folder as they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.found: list[Hostile] = []

    def add(
        self, name: str, expected: Class, content: bytes | None = None, ending: str = ".jsonl", **cases: Any
    ) -> Path:
        """A file of that content, or only its path where there is no content."""
        path = self._folder / f"{len(self.found):03d}{ending}"
        if content is not None:
            path.write_bytes(content)
        self.found.append(Hostile(name, expected, {"cases": {"path": str(path), **cases}}))
        return path

    def prompt(self, name: str, expected: Class, template: str, **prompt: Any) -> None:
        """A good file under a template that is not."""
        self.add(name, expected, GOOD)
        self.found[-1].config["prompt"] = {"template": template, **prompt}

    def scored(self, name: str, scorer: dict[str, Any], output: str, target: str = "x") -> None:
        """A good file under a scorer that never ends: the case has no score, and the run ends well."""
        self.add(name, "ok", line(output=output, target=target))
        self.found[-1].config["scorers"] = [scorer]

    def answered(self, name: str, expected: Class, answers: bytes | None) -> None:
        """A good file with a file of recorded answers that is not, or a folder where there is no content."""
        path = self._folder / f"answers-{len(self.found):03d}.jsonl"
        if answers is None:
            path.mkdir()
        else:
            path.write_bytes(answers)
        self.add(name, expected, GOOD)
        self.found[-1].config["provider"] = {"type": "replay", "path": str(path)}


def line(**fields: Any) -> bytes:
    return json.dumps({"input": "x", "output": "y", **fields}).encode() + b"\n"
