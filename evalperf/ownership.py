"""Whether others may write what evalperf is about to believe or to write into."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from evalperf.errors import ConfigError

__all__ = ["check_owner", "check_private", "open_to_others", "owned_by_another"]

ROOT = 0


def owned_by_another(found: os.stat_result, user: int) -> str | None:
    """Who it belongs to, unless that is the user or root.

    Root itself goes on with anybody's: containers run as root and mount what other users own.
    """
    return None if ROOT in (user, found.st_uid) or found.st_uid == user else f"it belongs to user {found.st_uid}"


def open_to_others(found: os.stat_result) -> str | None:
    """Which others may write it, if any.

    Everybody may write into a folder with the sticky bit, but not rename or remove what others have there. A group with
    the number of the owner is the owner's own, as most systems make one for each user.
    """
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISDIR(found.st_mode) and mode & stat.S_ISVTX:
        return None
    if mode & stat.S_IWOTH:
        return f"everybody may write it (mode {mode:04o})"
    if mode & stat.S_IWGRP and found.st_gid != found.st_uid:
        return f"group {found.st_gid} may write it (mode {mode:04o})"
    return None


def check_owner(what: str, path: Path) -> None:
    """Raises ConfigError where the path is another user's."""
    user = os.geteuid()
    reason = owned_by_another(path.stat(), user)
    if reason is not None:
        raise ConfigError(
            f"{what}: {path}: {reason}; expected one of user {user}, who runs evalperf",
            hint=f"if you trust what is in it: sudo chown -R {user} {path}",
        )


def check_private(what: str, path: Path) -> None:
    """Raises ConfigError where another user owns the path or may write it."""
    check_owner(what, path)
    reason = open_to_others(path.stat())
    if reason is not None:
        raise ConfigError(
            f"{what}: {path}: {reason}; expected one that only its owner may write",
            hint=f"if you trust what is in it: chmod go-w {path}",
        )
