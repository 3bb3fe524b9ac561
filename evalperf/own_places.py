"""Where the user's own configurations keep folded runs: a report goes to no other place that a run names.

A run may be somebody else's. Its configuration would have a report rename a file of the user's that is no cache, or
call a server; so the places that `evalperf run` was told by a configuration are noted in the user's cache folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from evalperf.atomic import replace_file

__all__ = ["note_own_places", "only_own_places"]

FILE_NAME: Final = "places.json"
MOST_PLACES: Final = 1_000
"""Those that were named last."""
KEYS: Final = ("path", "redis_url")


def note_own_places(config: Mapping[str, Any], base_dir: Path, folder: Path) -> str | None:
    """Notes the places in `cache.queries` of a configuration as it stands in its file; why it could not, if so."""
    written: Mapping[str, Any] = config.get("cache", {}).get("queries", {})
    stated = {key: written[key] for key in KEYS if written.get(key) is not None}
    whole = {"path": str((base_dir / stated["path"]).resolve())} if "path" in stated else {}
    places = {_digest(key, value): whole.get(key, "") for key, value in stated.items()}
    known = _read(folder)
    if places.items() <= known.items():
        return None
    latest = list({**known, **places}.items())[-MOST_PLACES:]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(folder / FILE_NAME, msgspec.json.encode(dict(latest)))
    except OSError as error:
        return f"cache.queries: reports won't look there: {folder / FILE_NAME}: {error.strerror or error}"
    return None


def only_own_places(written: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """`cache.queries` of a run, its path made whole, without places that no configuration of the user has named."""
    known = _read(folder)
    section = {key: value for key, value in written.items() if key not in KEYS}
    if (path := known.get(_digest("path", written.get("path")))) is not None:
        section["path"] = path
    if _digest("redis_url", written.get("redis_url")) in known:
        section["redis_url"] = written["redis_url"]
    return section


def _digest(key: str, value: object) -> str:
    """A place may hold a password."""
    return hashlib.sha256(f"{key} {value}".encode()).hexdigest()


def _read(folder: Path) -> dict[str, str]:
    """None where there is no such file, or one of another form: it is only a note."""
    try:
        return msgspec.json.decode((folder / FILE_NAME).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
