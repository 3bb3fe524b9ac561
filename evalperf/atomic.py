"""Files that are replaced whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, content: bytes, *, keep_mode: bool = False) -> None:
    """Puts the content on disk beside the file, then in its place; raises OSError, and the file is as it was.

    Only the user may read it afterwards, unless it keeps the permissions that it has.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if keep_mode:
            shutil.copymode(path, name)
        Path(name).replace(path)
    except BaseException:  # cancelled too: nothing is left behind
        Path(name).unlink(missing_ok=True)
        raise
