"""Blocks of lines: where lines end, what is bounded, and what damaged or odd files give."""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from evalperf.errors import InputError
from evalperf.lines import Lines, LineSplitter, TooLong, iter_blocks, read_blocks, unpack

LIMIT = 1 << 20


def split(chunks: list[bytes], limit: int = LIMIT) -> list[Lines | TooLong]:
    splitter = LineSplitter("cases.jsonl", limit)
    blocks = [block for chunk in chunks for block in splitter.feed(chunk)]
    return [*blocks, *splitter.finish()]


def lines_of(blocks: list[Lines | TooLong]) -> list[bytes]:
    return [line for block in blocks if isinstance(block, Lines) for line in block.items]


async def read(path: Path | None, limit: int = LIMIT) -> list[Lines | TooLong]:
    return [block async for block in read_blocks(path, max_line_bytes=limit)]


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line and b"\r" not in line)), st.data())
def test_joined_lines_come_back_however_they_are_chunked(lines: list[bytes], data: st.DataObject) -> None:
    """The first line is text, so that no random bytes look like a byte order mark."""
    lines = [b"text", *lines, b"end"]
    whole = b"\n".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    chunks = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert lines_of(split(chunks)) == lines


@given(st.binary(max_size=300).map(lambda data: b"text\n" + data), st.integers(1, 40))
def test_offset_and_number_of_each_block_are_where_it_stands(whole: bytes, size: int) -> None:
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    for block in split(chunks):
        assert isinstance(block, Lines)
        assert whole[block.offset : block.offset + len(block.data)] == block.data
        assert whole[: block.offset].count(b"\n") + 1 == block.first_line


def test_only_a_line_feed_ends_a_line() -> None:
    """Other separators that splitlines knows stay inside the record."""
    line = "a\u2028b\x85c\x0bd\x1ce\r f".encode()
    assert lines_of(split([line + b"\nnext\n"])) == [line, b"next"]


def test_one_carriage_return_before_the_end_is_dropped() -> None:
    assert lines_of(split([b"a\r\nb\r\r\n\r\nc\r"])) == [b"a", b"b\r", b"", b"c"]


def test_a_byte_order_mark_is_dropped_even_in_pieces() -> None:
    blocks = split([b"\xef", b"\xbb", b"\xbf{", b"}\nx"])
    assert lines_of(blocks) == [b"{}", b"x"]
    assert isinstance(blocks[0], Lines)
    assert blocks[0].offset == 3


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_and_32_are_refused_with_what_to_do(encoding: str) -> None:
    with pytest.raises(InputError, match="UTF-8 is expected") as caught:
        split(['{"id": 1}\n'.encode(encoding)])
    assert "iconv" in str(caught.value.hint)


def test_compressed_data_under_a_plain_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_bytes(gzip.compress(b"a\n"))
    with pytest.raises(InputError, match="is compressed"):
        asyncio.run(read(path))


@pytest.mark.parametrize("chunk_bytes", [1, 7, 64, 10_000])
def test_a_line_over_the_limit_is_skipped_and_its_neighbours_stay(chunk_bytes: int) -> None:
    whole = b"one\n" + b"x" * 5000 + b"\nthree\n" + b"y" * 1001
    blocks = split([whole[at : at + chunk_bytes] for at in range(0, len(whole), chunk_bytes)], limit=1000)
    assert lines_of(blocks) == [b"one", b"three"]
    long = [block for block in blocks if isinstance(block, TooLong)]
    assert [(block.line, block.offset, block.size_bytes) for block in long] == [(2, 4, 5000), (4, 5011, 1001)]
    assert long[0].start == b"x" * 200


def test_a_line_of_a_gigabyte_is_never_held() -> None:
    splitter = LineSplitter("big.jsonl", LIMIT)
    chunk = b"x" * LIMIT
    assert list(splitter.feed(b"abc\n"))
    for _ in range(1024):
        assert list(splitter.feed(chunk)) == []
        assert sum(map(len, splitter._held)) <= LIMIT
    (found,) = splitter.finish()
    assert isinstance(found, TooLong)
    assert found.size_bytes == 1 << 30


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
async def test_every_packing_gives_the_same_lines(tmp_path: Path, suffix: str) -> None:
    whole = b"".join(b'{"n": %d, "pad": "%s"}\n' % (n, os.urandom(20).hex().encode()) for n in range(20_000))
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[suffix]
    path = tmp_path / f"cases.jsonl{suffix}"
    path.write_bytes(pack(whole))
    blocks = await read(path)
    assert lines_of(blocks) == whole.split(b"\n")[:-1]
    assert lines_of(list(iter_blocks(path, max_line_bytes=LIMIT))) == lines_of(blocks)
    assert max(len(block.data) for block in blocks if isinstance(block, Lines)) < 600_000


async def test_members_frames_and_padding_follow_each_other(tmp_path: Path) -> None:
    first, second = gzip.compress(b"a\nb"), gzip.compress(b"c\n")
    (tmp_path / "x.gz").write_bytes(first + b"\0" * 700 + second + b"\0" * 9)
    assert lines_of(await read(tmp_path / "x.gz")) == [b"a", b"bc"]
    frame = zstandard.ZstdCompressor().compress
    (tmp_path / "x.zst").write_bytes(frame(b"a\nb") + frame(b"c\n"))
    assert lines_of(await read(tmp_path / "x.zst")) == [b"a", b"bc"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
async def test_a_file_that_is_cut_off_gives_its_whole_lines_and_then_the_error(tmp_path: Path, suffix: str) -> None:
    """The number of lines is that of a decoder that is told to give all it can."""
    whole = b"".join(b"line %d %s\n" % (n, os.urandom(10).hex().encode()) for n in range(50_000))
    packed = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[suffix](whole)
    cut = packed[: len(packed) * 2 // 3]
    decoder = zlib.decompressobj(31) if suffix == ".gz" else zstandard.ZstdDecompressor().decompressobj()
    good = decoder.decompress(cut).split(b"\n")[:-1]
    path = tmp_path / f"cases.jsonl{suffix}"
    path.write_bytes(cut)
    found: list[bytes] = []

    async def read_all() -> None:
        async for block in read_blocks(path, max_line_bytes=LIMIT):
            found.extend(lines_of([block]))

    with pytest.raises(InputError, match="cut off") as caught:
        await read_all()
    assert found == good
    assert caught.value.line == len(good) + 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(b"a\nb\n", mtime=0) + b"garbage", "other data follow"),
        (gzip.compress(b"a\nb\n", mtime=0)[:-8] + b"\0" * 8, "damaged"),
        (b"plain text\n", "is not gzip data"),
        (b"", "is empty"),
    ],
)
async def test_what_is_no_whole_gzip_is_told(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "cases.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        await read(path)


@pytest.mark.slow
async def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    """2 GiB of line feeds in 2 MB."""
    path = tmp_path / "bomb.jsonl.gz"
    member = gzip.compress(b"\n" * (1 << 27), 9)
    path.write_bytes(member * 16)
    given_lines = 0

    def read_all() -> None:
        nonlocal given_lines
        for block in iter_blocks(path, max_line_bytes=LIMIT):
            assert isinstance(block, Lines)
            given_lines += len(block.items)
            assert len(block.data) < 1_000_000

    with pytest.raises(InputError, match="200-fold"):
        read_all()
    assert given_lines <= (1 << 30) + (1 << 20)


async def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text("{}")
    with pytest.raises(InputError, match="no such file") as caught:
        await read(tmp_path / "case.jsonl")
    assert caught.value.hint == 'did you mean "cases.jsonl"?'


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        await read(tmp_path / "nowhere" / "cases.jsonl")
    assert "nowhere does not exist" in str(caught.value.hint)


async def test_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        await read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file") as caught:
        await read(tmp_path / "pipe")
    assert '"-"' in str(caught.value.hint)


async def test_standard_input_is_read_from_a_pipe_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lines arrive while the pipe is still open."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        os.write(writing, b"a\nb\nc")
        blocks = read_blocks(None, max_line_bytes=LIMIT)
        assert lines_of([await anext(blocks)]) == [b"a", b"b"]
        os.write(writing, b"d\n")
        os.close(writing)
        assert lines_of([block async for block in blocks]) == [b"cd"]


async def test_a_reader_that_waits_for_standard_input_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "wb"):
        monkeypatch.setattr(sys, "stdin", pipe)
        task = asyncio.create_task(read(None))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)


async def test_standard_input_may_be_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a\nb")
    with (tmp_path / "x").open("rb") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert lines_of(await read(None)) == [b"a", b"b"]


async def test_a_cut_file_gives_what_its_decoder_has_read_and_not_given_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With small pieces, the decoder has swallowed the whole file long before it has given everything out."""
    monkeypatch.setattr(unpack, "CHUNK_BYTES", 1000)
    packed = gzip.compress(b"".join(b"x" * (n % 400) + b"\n" for n in range(300)))[:-20]
    path = tmp_path / "cases.jsonl.gz"
    path.write_bytes(packed)
    found: list[bytes] = []

    async def read_all() -> None:
        async for block in read_blocks(path, max_line_bytes=LIMIT):
            found.extend(lines_of([block]))

    with pytest.raises(InputError, match="cut off"):
        await read_all()
    assert len(found) == zlib.decompressobj(31).decompress(packed).count(b"\n")
