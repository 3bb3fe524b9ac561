"""What stands in the input where a case should be, and how it is told."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from evalperf.errors import InputError

__all__ = ["EXCERPT_CHARS", "BadRecord", "BadRecordError", "Rejected"]

EXCERPT_CHARS = 200


class BadRecord(Struct, frozen=True):
    """What stands where a record should be."""

    reason: str
    raw: bytes
    """Its beginning."""
    column: int | None = None
    hint: str | None = None


class BadRecordError(ValueError):
    """A record that is no case; it does not know where it stands."""

    def __init__(self, reason: str, *, column: int | None = None, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column
        self.hint = hint


class Rejected(Struct, frozen=True):
    """A record that was left out, for rejected.jsonl."""

    path: Path | str
    line: int
    column: int | None
    reason: str
    raw: str
    """Its first 200 characters."""

    def to_error(self, hint: str | None) -> InputError:
        """The same as an error that ends the run."""
        return InputError(self.path, self.reason, line=self.line, column=self.column, hint=hint)
