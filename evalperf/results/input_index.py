"""input.idx: where every 1,024th line of the input begins, so that a shard can start in the middle."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from evalperf.errors import OutputError
from evalperf.results.disk import LocalDisk, write_file
from evalperf.results.layout import RunDirectory

__all__ = ["write_input_index"]


def write_input_index(directory: RunDirectory, offsets: Sequence[int]) -> None:
    """Little-endian unsigned 64-bit byte offsets of lines 1, 1025, 2049, …; raises OutputError."""
    try:
        write_file(LocalDisk(), directory.input_index, struct.pack(f"<{len(offsets)}Q", *offsets))
    except OSError as error:
        raise OutputError(directory.input_index, error.strerror or str(error)) from error
