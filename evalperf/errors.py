"""What may end a run, as one tree.

Inside a case a failure is data (`records.Failure`); outside a case it is one of these exceptions, and each knows the
exit code of the command it ends. A message says where, what was found, what was expected; `hint` says what to do now.

    EvalperfError
    ├─ ConfigError        2   the configuration or the command line is wrong
    ├─ InputError         2   a case file is wrong: file, line, column, reason
    ├─ OutputError        3   a result can't be written
    ├─ DamageError        3   files of a run are missing or damaged
    ├─ RunLockedError     3   another process works on the run
    ├─ StoppedError       3   the run can't go on: credentials, quota, every endpoint down
    └─ ProviderError          one call failed; never leaves pipeline/caller, where it becomes a `Failure`
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from evalperf.records import FailureKind

__all__ = [
    "ConfigError",
    "DamageError",
    "EvalperfError",
    "InputError",
    "OutputError",
    "ProviderError",
    "RunLockedError",
    "StoppedError",
]


class EvalperfError(Exception):
    """The root; `exit_code` is what the command ends with, `hint` what the user can do now."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(EvalperfError):
    """The configuration, a flag or the environment is wrong; the message may list several faults, one a paragraph."""

    exit_code = 2


class InputError(EvalperfError):
    """A case can't be read; lines and columns count from 1, and `line` is None where the whole file is meant."""

    exit_code = 2

    def __init__(
        self,
        path: Path | str,
        reason: str,
        *,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        place = ":".join(str(part) for part in (path, line, column) if part is not None)
        super().__init__(f"{place}: {reason}", hint=hint)
        self.path = path
        self.reason = reason
        self.line = line
        self.column = column


class OutputError(EvalperfError):
    """A file of the run can't be created or written."""

    def __init__(self, path: Path | str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"can't write {path}: {reason}", hint=hint)
        self.path = path
        self.reason = reason


class DamageError(EvalperfError):
    """Files of a finished or killed run are missing or damaged, and going on would lose or repeat work."""


class RunLockedError(EvalperfError):
    """Another process holds the run directory."""


class StoppedError(EvalperfError):
    """The run can't go on; what is written stays, and the run can be resumed."""


class ProviderError(EvalperfError):
    """One attempt brought no answer.

    `retry_after_s` is the server's own wish, None where it stated none. `retryable` says whether the same request may
    succeed later or elsewhere. `limit_headers` is what the reply's headers say about rate limits, names in lower case.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        retry_after_s: float | None = None,
        limit_headers: Mapping[str, str] | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.status = status
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.limit_headers = limit_headers
