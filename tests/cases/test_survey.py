"""What the input is, before the run."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from evalperf.cases import survey
from evalperf.cases.linecount import LINES_PER_OFFSET, LineCounter
from evalperf.config.model import CasesConfig
from evalperf.errors import InputError


@given(st.lists(st.sampled_from([b"\n", b"\r\n", b" ", b"a", b"bcd"]), max_size=60).map(b"".join), st.integers(1, 30))
def test_lines_are_counted_as_splitting_would_however_they_are_chunked(whole: bytes, size: int) -> None:
    counter = LineCounter()
    for at in range(0, len(whole), size):
        counter.feed(whole[at : at + size])
    lines = whole.split(b"\n")
    lines = lines[:-1] if lines[-1] == b"" else lines
    count, full = counter.finish()
    assert count == len(lines)
    assert len([line for line in lines if line]) >= full >= len([line for line in lines if line.strip()])


async def test_a_plain_file(tmp_path: Path) -> None:
    content = b"".join(b'{"n": %d}\n' % n for n in range(5000)) + b"\n\r\nlast"
    (tmp_path / "c.jsonl").write_bytes(content)
    found = await survey(CasesConfig(path="c.jsonl", epochs=3), tmp_path)
    (file,) = found.files
    assert (file.lines, file.cases, found.lines, found.total) == (5003, 5001, 5003, 15003)
    assert file.size_bytes == len(content)
    assert file.digest == "xxh3_128:" + xxhash.xxh3_128_hexdigest(content)
    assert file.line_offsets is not None
    assert [content[at:].split(b"\n")[0] for at in file.line_offsets] == [
        b'{"n": %d}' % n for n in range(0, 5000, LINES_PER_OFFSET)
    ]


@pytest.mark.parametrize("count", [0, 1023, 1024, 1025, 2048])
async def test_offsets_name_lines_that_exist(tmp_path: Path, count: int) -> None:
    (tmp_path / "c.jsonl").write_bytes(b"{}\n" * count)
    (file,) = (await survey(CasesConfig(path="c.jsonl"), tmp_path)).files
    assert file.line_offsets == tuple(range(0, 3 * count, 3 * 1024))


async def test_packed_files_arrays_and_rows_are_counted(tmp_path: Path) -> None:
    """The digest is of the bytes on disk."""
    packed = gzip.compress(b"{}\n\n{}\n")
    (tmp_path / "1.jsonl.gz").write_bytes(packed)
    (tmp_path / "2.json").write_text('[{"a": "]"}, {}, {}]')
    (tmp_path / "3.csv").write_text('a,b\n1,"x\ny"\n\n2,z\n')
    found = await survey(CasesConfig(path=["1.jsonl.gz", "2.json", "3.csv"]), tmp_path)
    assert [(file.lines, file.cases) for file in found.files] == [(3, 2), (3, 3), (2, 2)]
    assert (found.lines, found.total) == (8, 7)
    assert found.files[0].digest == "xxh3_128:" + xxhash.xxh3_128_hexdigest(packed)
    assert [file.line_offsets for file in found.files] == [None, None, None]


async def test_total_is_bounded_by_limit_and_sample_and_unknown_with_where(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_bytes(b"{}\n" * 10)
    for options, total in [
        ({"limit": 4}, 4),
        ({"sample": 3, "limit": 4}, 3),
        ({"limit": 99}, 10),
        ({"where": "a"}, None),
    ]:
        assert (await survey(CasesConfig(path="c.jsonl", **options), tmp_path)).total == total  # type: ignore[arg-type]


async def test_standard_input_is_not_surveyed(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_bytes(b"{}\n" * 10)
    found = await survey(CasesConfig(path=["c.jsonl", "-"]), tmp_path)
    assert (len(found.files), found.lines, found.total) == (1, None, None)


async def test_a_missing_and_a_damaged_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        await survey(CasesConfig(path="c.jsonl"), tmp_path)
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b"{}\n" * 100)[:-9])
    with pytest.raises(InputError, match="cut off") as caught:
        await survey(CasesConfig(path="c.jsonl.gz"), tmp_path)
    assert caught.value.line == 101
