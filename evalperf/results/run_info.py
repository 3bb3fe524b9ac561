"""run.json: what a run is. Written once, before anything else."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from evalperf.errors import ConfigError, DamageError, OutputError
from evalperf.results.disk import LocalDisk, write_file
from evalperf.results.layout import RunDirectory

__all__ = ["FORMAT_VERSION", "InputInfo", "RunInfo", "read_run_info", "write_run_info"]

FORMAT_VERSION = 1


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
    lines: int | None
    """Of all inputs together; None where that is not known, as with stdin."""
    epochs: int = 1
    seed: int | None = None
    fingerprint: dict[str, str]
    """Digests of all that decides answers, by section; "all" is over all of them."""
    config: dict[str, Any]
    parent: str | None = None
    """Id of the run that this one was made from."""


class _Version(Struct):
    format_version: int


def write_run_info(directory: RunDirectory, info: RunInfo) -> None:
    """Puts run.json on disk, whole or not at all; raises OutputError."""
    data = msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n"
    try:
        write_file(LocalDisk(), directory.run_json, data)
    except OSError as error:
        raise OutputError(directory.run_json, error.strerror or str(error)) from error


def read_run_info(directory: RunDirectory) -> RunInfo:
    """Raises ConfigError where there is no run or a newer version wrote it, DamageError where it can't be read."""
    path = directory.run_json
    try:
        data = path.read_bytes()
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
        return msgspec.json.decode(data, type=RunInfo)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = "restore the file from a copy; the results themselves are gzip files of JSON lines and can still be read"
        raise DamageError(f"{path} is damaged: {error}", hint=hint) from error
