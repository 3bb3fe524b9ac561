"""run.json: what a run is. Written once, before anything else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from evalperf.errors import ConfigError, DamageError, OutputError
from evalperf.results.disk import LocalDisk, read_file, write_file
from evalperf.results.done import MOST_KEYS
from evalperf.results.layout import RunDirectory, check_folders

__all__ = ["FORMAT_VERSION", "InputInfo", "RunInfo", "read_run_info", "write_run_info"]

FORMAT_VERSION = 1
MOST_BYTES = 4 << 20
"""Of run.json: a configuration and 20,000 input files. JSON may take 25 times as much in memory as in the file."""


class InputInfo(Struct, frozen=True, kw_only=True):
    """One file of the input, as it was when the run began."""

    path: str
    size_bytes: int | None = None
    """None for stdin."""
    lines: int | None = None
    digest: str | None = None
    """Of the content."""


class RunInfo(Struct, frozen=True, kw_only=True):
    """The content of run.json; holds no secret."""

    format_version: int = FORMAT_VERSION
    run_id: str
    name: str
    created_at: str
    """UTC, RFC 3339."""
    versions: dict[str, str]
    """Of evalperf, python and the platform."""
    inputs: tuple[InputInfo, ...]
    lines: Annotated[int, Meta(ge=0, le=MOST_KEYS)] | None
    """Of all inputs together; None where that is not known, as with stdin."""
    epochs: Annotated[int, Meta(ge=1, le=MOST_KEYS)] = 1
    seed: int | None = None
    fingerprint: dict[str, str]
    """Digests of all that decides answers, by section; "all" is over all of them."""
    config: dict[str, Any]
    parent: str | None = None
    """Id of the run that this one was made from."""


class Rules(Struct, frozen=True):
    """The section `statistics`, as far as a report needs it."""

    cluster_by: str | None = None
    interval: Literal["auto", "t", "bootstrap"] = "auto"
    pass_at: tuple[Annotated[int, Meta(ge=1, le=10_000)], ...] | None = None


class _Scorer(Struct):
    type: str
    name: str | None = None
    weight: float | str | None = None


class _Stated(Struct):
    """What those who read a run take from its configuration."""

    provider: dict[str, Any] = {}
    scorers: list[str | _Scorer] = []
    statistics: Rules = Rules()
    gates: list[dict[str, Any]] = []
    cache: dict[str, Any] = {}


class _Version(Struct):
    format_version: Annotated[int, Meta(ge=1)]


def write_run_info(directory: RunDirectory, info: RunInfo) -> None:
    """Puts run.json on disk, whole or not at all; raises OutputError."""
    data = msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n"
    if len(data) > MOST_BYTES:
        hint = "name fewer files in cases.path, or write a shorter configuration"
        raise OutputError(directory.run_json, f"it would have {len(data):,} of at most {MOST_BYTES:,} bytes", hint=hint)
    _check_size(directory, info)
    try:
        write_file(LocalDisk(), directory.run_json, data)
    except OSError as error:
        raise OutputError(directory.run_json, error.strerror or str(error)) from error


def read_run_info(directory: RunDirectory) -> RunInfo:
    """Raises ConfigError where there is no run or a newer version wrote it, DamageError where it can't be read."""
    path = directory.run_json
    try:
        data = read_file(LocalDisk(), path, MOST_BYTES)
    except FileNotFoundError:
        raise ConfigError(f"{directory.path} is not a run: it has no run.json") from None
    except OSError as error:
        raise DamageError(f"can't read {path}: {error.strerror}") from error
    try:
        version = msgspec.json.decode(data, type=_Version).format_version
        if version > FORMAT_VERSION:
            raise ConfigError(
                f"{path} has format {version}; this evalperf knows formats up to {FORMAT_VERSION}",
                hint="use the version of evalperf that made the run, or a newer one",
            )
        info = msgspec.json.decode(data, type=RunInfo)
        msgspec.convert(info.config, _Stated)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        hint = "restore the file from a copy; the results themselves are gzip files of JSON lines and can still be read"
        raise DamageError(f"{path} is damaged: {error}", hint=hint) from error
    check_folders(directory)
    _check_size(directory, info)
    return info


def _check_size(directory: RunDirectory, info: RunInfo) -> None:
    if info.lines is not None and info.lines * info.epochs > MOST_KEYS:
        raise ConfigError(
            f"{directory.path}: {info.lines:,} lines in {info.epochs:,} epochs are more than the {MOST_KEYS:,} cases"
            " that a run can have",
            hint="split the input into several runs",
        )
