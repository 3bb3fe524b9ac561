"""What earlier runs have found out about an endpoint: the file `tuned.json` in the user's state directory.

A run that begins with the last known limit saves the minutes it takes to find it. The file is a convenience, never the
truth: one that can't be read is set aside, one that can't be written is told of, and neither ends a command.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from evalperf.atomic import replace_file
from evalperf.tuning.level import LimitedBy

__all__ = ["FILE_NAME", "MAX_AGE_S", "WarmStart", "read_warm_start", "save_warm_start"]

FILE_NAME = "tuned.json"
SCHEMA_VERSION = 1
MAX_AGE_S = 7 * 24 * 3600.0
"""Servers change; what is older counts for nothing and is dropped when the file is next written."""

Warn = Callable[[str], None]


class WarmStart(Struct, frozen=True, kw_only=True):
    """What one endpoint is known to take."""

    workers: int
    """Calls in flight at this endpoint alone."""
    requests_per_s: float | None
    """The pace that it grants; None where it was not found to refuse any."""
    limited_by: LimitedBy
    measured_at: datetime
    """UTC."""

    def __post_init__(self) -> None:
        if self.workers < 1 or (self.requests_per_s is not None and self.requests_per_s <= 0):
            raise ValueError("workers and requests_per_s are more than 0")
        if self.measured_at.tzinfo is None:
            raise ValueError("measured_at states no time zone")


class _Entry(Struct, frozen=True):
    url: str
    model: str | None
    found: WarmStart


class _File(Struct, frozen=True):
    schema_version: int
    entries: tuple[_Entry, ...]


def read_warm_start(
    state_dir: Path, url: str, model: str | None, now: datetime, *, max_age_s: float = MAX_AGE_S, warn: Warn
) -> WarmStart | None:
    """What is known of an endpoint and its model; None where nothing is, or only what is too old or of the future.

    A damaged file is renamed and told of once. Blocks for a read of a few kilobytes.
    """
    path = state_dir / FILE_NAME
    for entry in _read(path, warn):
        if (entry.url, entry.model) == (_address(url), model) and _is_fresh(entry, now, max_age_s):
            return entry.found
    return None


def save_warm_start(state_dir: Path, found: Mapping[tuple[str, str | None], WarmStart], *, warn: Warn) -> None:
    """Replaces what is known of these (URL, model) and keeps the rest, whole or not at all, for the user alone.

    Blocks; several processes may do it at once. Where it can't be written, `warn` is told, and nothing else happens.
    """
    if not found:
        return
    path = state_dir / FILE_NAME
    fresh = [_Entry(_address(url), model, one) for (url, model), one in found.items()]
    now = max(one.measured_at for one in found.values())
    replaced = {(entry.url, entry.model) for entry in fresh}
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(state_dir):
            kept = [
                entry
                for entry in _read(path, warn)
                if (entry.url, entry.model) not in replaced and _is_fresh(entry, now, MAX_AGE_S)
            ]
            content = msgspec.json.encode(_File(SCHEMA_VERSION, (*kept, *fresh)))
            replace_file(path, msgspec.json.format(content, indent=2) + b"\n")
    except OSError as error:
        warn(f"what was found about the endpoint is not kept: can't write {path}: {error.strerror or error}")


def _is_fresh(entry: _Entry, now: datetime, max_age_s: float) -> bool:
    return 0 <= (now - entry.found.measured_at).total_seconds() <= max_age_s


def _address(url: str) -> str:
    """The URL as it may be stored: no user, no password, no query, and one spelling of the same address."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return urlunsplit((parts.scheme.lower(), host, parts.path.rstrip("/"), "", ""))


def _read(path: Path, warn: Warn) -> tuple[_Entry, ...]:
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        return ()
    except OSError as error:
        warn(f"what earlier runs found about endpoints is left out: can't read {path}: {error.strerror or error}")
        return ()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _set_aside(path, str(error), warn)
        return ()
    if file.schema_version != SCHEMA_VERSION:
        _set_aside(path, f"it is of version {file.schema_version}, and this is version {SCHEMA_VERSION}", warn)
        return ()
    return file.entries


def _set_aside(path: Path, reason: str, warn: Warn) -> None:
    """Renames the file, so that this is told once; the last such file is kept."""
    aside = path.with_name(f"{path.name}.unreadable")
    try:
        path.replace(aside)
    except OSError as error:
        warn(f"{path} can't be read ({reason}) nor renamed ({error.strerror or error}): it counts for nothing")
    else:
        warn(f"{path} can't be read ({reason}): it is now {aside.name}, and runs begin without it")


@contextlib.contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    """One process at a time reads and replaces the file."""
    lock = os.open(state_dir / f"{FILE_NAME}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
