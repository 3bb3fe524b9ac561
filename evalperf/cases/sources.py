"""The files that `cases.path` names, in order, and how each is written."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Literal

from msgspec import Struct

from evalperf.config.fields import ALIASES, FieldMap
from evalperf.config.model import CasesConfig
from evalperf.errors import InputError

__all__ = ["Format", "Source", "find_sources"]

Format = Literal["jsonl", "json", "csv"]


class Source(Struct, frozen=True):
    """One file of cases."""

    path: Path | None
    """None is standard input."""
    format: Format
    roles: frozenset[str] = frozenset()
    """Names of fields that play a part: an empty cell of CSV under one of them is no value."""

    @property
    def name(self) -> str:
        """For messages."""
        return "standard input" if self.path is None else str(self.path)


def find_sources(config: CasesConfig, base_dir: Path) -> tuple[Source, ...]:
    """Globs expanded (sorted) and relative paths resolved; raises InputError where a glob matches nothing."""
    patterns = [config.path] if isinstance(config.path, str) else config.path
    if patterns.count("-") > 1:
        raise InputError("standard input", "is named twice; it can be read only once")
    fields = FieldMap(config.fields)
    roles = frozenset(name for role in ALIASES for name in fields.names(role))
    found: list[Source] = []
    for pattern in patterns:
        paths: list[Path | None] = [None] if pattern == "-" else [*_expand(pattern, base_dir)]
        found.extend(Source(path, _format(config, path), roles) for path in paths)
    return tuple(found)


def _expand(pattern: str, base_dir: Path) -> list[Path]:
    path = base_dir / pattern
    if not glob.has_magic(pattern) or path.exists():
        return [path]
    matches = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 - takes absolute ones
    files = [match for match in matches if match.is_file()]
    if not files:
        raise InputError(path, "no file matches this pattern", hint="put quotes around it, or check the folder")
    return files


def _format(config: CasesConfig, path: Path | None) -> Format:
    if config.format != "auto":
        return config.format
    endings = [] if path is None else [ending.lower() for ending in path.suffixes[-2:]]
    if endings and endings[-1] in {".gz", ".zst"}:
        endings.pop()
    formats: dict[str, Format] = {".json": "json", ".csv": "csv"}
    return formats.get(endings[-1], "jsonl") if endings else "jsonl"
