"""input.idx holds the offsets, eight bytes each."""

from __future__ import annotations

import struct
from pathlib import Path

from evalperf.results import create_run, write_input_index


def test_offsets_are_little_endian_and_private(tmp_path: Path) -> None:
    directory = create_run(tmp_path, "20261120-143005-x-0001")
    write_input_index(directory, (0, 300_000, 5_000_000_000))
    assert struct.unpack("<3Q", directory.input_index.read_bytes()) == (0, 300_000, 5_000_000_000)
    assert directory.input_index.stat().st_mode & 0o777 == 0o600
