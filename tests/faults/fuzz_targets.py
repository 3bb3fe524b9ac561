"""What strangers' bytes must never do to a reader: one function a reader, which raises where its rule is broken.

Each takes any bytes. What a user would be told (InputError, ConfigError, …) is an outcome; all other exceptions, and
outcomes that contradict each other, are findings.
"""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from evalperf.cases.parse import CaseParser
from evalperf.cases.rawrecords import iter_records
from evalperf.cases.rejected import BadRecord, BadRecordError
from evalperf.cases.sources import Source
from evalperf.cases.where import parse_where
from evalperf.config.load import load_config
from evalperf.errors import ConfigError, InputError
from evalperf.lines import Lines, iter_blocks
from evalperf.providers.sse import EventParser, EventTooLongError, ServerEvent
from evalperf.results.disk import LocalDisk
from evalperf.results.facts import Facts, carry_over, journal_name, read_facts
from evalperf.results.frames import ABORT, BASE, DOUBT, INTENT, RESPONSE, TALLY, Frame, encode_frame, locate_frames
from evalperf.results.member import make_member
from evalperf.results.walk import Found, read_member, walk

__all__ = ["SEEDS", "TARGETS", "TOKENS"]

LONGEST_MESSAGE = 20_000
"""Of an error, in characters, however much it quotes: a configuration may have 20 faults of 1,000."""

MAX_LINE_BYTES = 1_000
MAX_EVENT_BYTES = 100

_MEMORY = Path("/dev/shm")
_FOLDER = tempfile.TemporaryDirectory(prefix="evalperf-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None)
_HERE = Path(_FOLDER.name)

# cases ---------------------------------------------------------------------------------------------------------------

CASE_ENDINGS = (".jsonl", ".json", ".csv", ".jsonl.gz")
_PARSER = CaseParser({}, None)
_FILTERED = CaseParser({}, parse_where("n > 2 or 'a' in tags or lower(input) == 'x'"))


def read_cases(data: bytes) -> None:
    """The first byte chooses the format. Every record is a case or has a reason; a case can be written."""
    ending = CASE_ENDINGS[data[0] % len(CASE_ENDINGS)] if data else ".jsonl"
    path = _HERE / f"cases{ending}"
    path.write_bytes(data[1:])
    try:
        for raw in _records(path, ending):
            if raw:
                _read_case(raw)
    except InputError as error:
        _check_message(error.message)


def _records(path: Path, ending: str) -> Iterator[bytes]:
    if ending.startswith(".jsonl"):
        for block in iter_blocks(path, max_line_bytes=MAX_LINE_BYTES):
            if isinstance(block, Lines):
                assert b"\n" not in b"".join(block.items)
                yield from block.items
        return
    format_ = "csv" if ending == ".csv" else "json"
    for items, lines in iter_records(Source(path, format_, frozenset({"input"})), path, MAX_LINE_BYTES):  # type: ignore[arg-type]
        assert len(items) == len(lines)
        yield from (item for item in items if not isinstance(item, BadRecord))


def _read_case(raw: bytes) -> None:
    if not raw.strip():
        return
    try:
        case = _PARSER.parse(raw, 1)
        _FILTERED.parse(raw, 1)
    except BadRecordError as error:
        _check_message(error.reason)
        return
    assert case is not None
    assert _PARSER.id_of(raw) == case.id
    quick = _PARSER.ids_of([raw])
    assert quick is None or quick == [case.id]
    assert case.id
    assert msgspec.json.decode(msgspec.json.encode(case), type=type(case)).id == case.id


# configurations ------------------------------------------------------------------------------------------------------

CONFIG_ENDINGS = (".json", ".yaml", ".toml")


def read_config(data: bytes) -> None:
    """The first byte chooses the format. Either a configuration or an error of bounded length."""
    path = _HERE / f"config{CONFIG_ENDINGS[data[0] % len(CONFIG_ENDINGS)] if data else '.json'}"
    path.write_bytes(data[1:])
    try:
        load_config(path, environ={"NAME": "value"})
    except ConfigError as error:
        _check_message(error.message)


def _check_message(message: str) -> None:
    assert len(message) <= LONGEST_MESSAGE, len(message)
    message.encode()


# streams of events ---------------------------------------------------------------------------------------------------


def parse_events(data: bytes) -> None:
    """However the stream is cut, the events are those of the standard."""
    cut, stream = (data[0], data[1:]) if data else (0, b"")
    size = cut % 16 + 1
    outcomes = [_events([stream]), _events([stream[at : at + size] for at in range(0, len(stream), size)])]
    longest = max(map(len, re.split(rb"\r\n|\n|\r", stream)), default=0)
    if longest < MAX_EVENT_BYTES:  # a longer line is refused only while it is being read
        assert outcomes[0] == outcomes[1]
        if outcomes[0] is not None:
            assert outcomes[0] == list(_events_by_the_book(stream))


def _events(pieces: list[bytes]) -> list[ServerEvent] | None:
    """None where the parser refuses."""
    parser = EventParser(MAX_EVENT_BYTES)
    try:
        return [event for piece in pieces for event in parser.feed(piece)] + parser.finish()
    except EventTooLongError:
        return None


def _events_by_the_book(stream: bytes) -> Iterator[ServerEvent]:
    """The standard's own steps over the whole stream; its end counts as a blank line."""
    name, data = "", []
    for line in [*re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf")), b""]:
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if not line:
            if any(data):
                yield ServerEvent(name or "message", b"\n".join(data))
            name, data = "", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")


# files of a run ------------------------------------------------------------------------------------------------------


def damaged(parts: list[bytes], edits: bytes) -> bytes:
    """The parts as one file after some edits, four bytes each: what, where (two bytes), how much."""
    whole = bytearray(b"".join(parts))
    for at in range(0, len(edits) - 3, 4):
        kind, high, low, amount = edits[at : at + 4]
        place = (high << 8 | low) % (len(whole) + 1)
        if kind % 5 == 0:
            whole[place : place + 1] = bytes([amount])
        elif kind % 5 == 1:
            whole[place:place] = edits[at : at + 1 + amount]
        elif kind % 5 == 2:
            del whole[place : place + amount]
        elif kind % 5 == 3:
            whole[place : place + amount] = bytes(len(whole[place : place + amount]))
        else:
            del whole[place:]
    return bytes(whole)


ROWS = [b'{"seq": %d, "output": "%s"}\n' % (n, b"ha" * n) for n in range(5)]
MEMBERS = [make_member(row, [n * 200], 1) for n, row in enumerate(ROWS)]


def read_segment(data: bytes) -> None:
    """A part is covered without holes, and every member that is whole is found, whatever lies around it."""
    raw, part = bool(data[:1]) and data[0] % 4 == 0, damaged(MEMBERS, data[1:])
    part = data[1:] if raw else part
    for bodies in (True, False):
        pieces = list(walk(lambda size, offset: part[offset : offset + size], len(part), bodies=bodies))
        end = 0
        for piece in pieces:
            assert piece.offset == end
            end = piece.offset + piece.header.size_bytes if isinstance(piece, Found) else piece.end
        assert end == len(part)
    pieces = list(walk(lambda size, offset: part[offset : offset + size], len(part), bodies=True))
    rows = [
        read_member(lambda size, offset: part[offset : offset + size], piece)
        for piece in pieces
        if isinstance(piece, Found)
    ]
    for member, row in zip(MEMBERS, ROWS, strict=True):
        assert member not in part or row in rows
    assert raw or set(rows) <= set(ROWS)


FRAMES = [
    Frame(BASE, 0),
    Frame(TALLY, 2),
    Frame(INTENT, 7, 0, 1, bytes(range(16))),
    Frame(RESPONSE, 7, 0, 1, bytes(range(16)), b'{"text": "7"}'),
    Frame(INTENT, 8, 1, 2, bytes(range(16))),
    Frame(ABORT, 8, 1, 2),
    Frame(DOUBT, 9, 0, 1),
]
ENCODED = [encode_frame(frame) for frame in FRAMES]


def read_journal(data: bytes) -> None:
    """Every frame that is whole is found and is what stands there; what recovery carries over says the same again."""
    raw = bool(data[:1]) and data[0] % 4 == 0
    journal = data[1:] if raw else damaged(ENCODED, data[1:])
    found = list(locate_frames(lambda size, at: journal[at : at + size], len(journal)))
    for start, end, frame in found:
        assert encode_frame(frame) == journal[start:end]
    for frame, encoded in zip(FRAMES, ENCODED, strict=True):
        assert encoded not in journal or any(frame == other for _, _, other in found)
    disk, folder = LocalDisk(), _HERE / "journal"
    folder.mkdir(exist_ok=True)
    (folder / journal_name(1)).write_bytes(journal)
    try:
        before, numbers = read_facts(disk, folder, _never)
        carry_over(disk, folder, before, numbers)
        after, _ = read_facts(disk, folder, _never)
        assert _told(before) == _told(after)
    finally:
        for path in folder.iterdir():
            path.unlink()


def _never(key: int) -> bool:
    return False


def _told(facts: Facts) -> tuple[object, ...]:
    return facts.responses, +facts.doubts, facts.ever_in_doubt


TARGETS: dict[str, Callable[[bytes], None]] = {
    "cases": read_cases,
    "config": read_config,
    "events": parse_events,
    "segment": read_segment,
    "journal": read_journal,
}

_CASE = b'{"id": "a", "input": "x", "target": ["y"], "output": "z", "choices": ["a"], "tags": ["t"], "n": 3.10}\n'
_CONFIG = {
    "name": "fuzz",
    "cases": {"path": "${NAME}.jsonl", "where": "n > 2"},
    "prompt": {"template": "{{ input }}"},
    "provider": {"type": "openai", "model": "m", "endpoints": [{"url": "http://127.0.0.1:1/v1"}]},
    "scorers": ["exact", {"type": "regex", "pattern": "a+"}],
}
_YAML = b"name: fuzz\ncases: {path: x.jsonl, limit: 5}\nprovider:\n  type: replay\nscorers:\n  - exact\n"
_TOML = b'name = "fuzz"\n[cases]\npath = "x"\n[provider]\ntype = "replay"\n[[scorers]]\ntype = "exact"\n'

SEEDS: dict[str, list[bytes]] = {
    "cases": [
        b"\0" + _CASE * 2,
        b"\0" + b'\xef\xbb\xbf{"messages": [{"role": "user", "content": "x"}], "metadata": {"a": [[1e5, null]]}}\r\n\n',
        b"\1" + b"[" + _CASE.strip() + b", " + _CASE.strip() + b"]",
        b'\2id,input,tags\n1,"x ""y""\nz",[1]\n2,=1+1,\n',
        b"\3" + gzip.compress(_CASE) + gzip.compress(_CASE) + bytes(8),
    ],
    "config": [b"\0" + json.dumps(_CONFIG, indent=1).encode(), b"\0{/* a */ // b\n}", b"\1" + _YAML, b"\2" + _TOML],
    "events": [
        b"\5: hi\r\nevent: a\r\ndata: 1\r\ndata: 2\r\n\r\ndata: {}\n\ndata: [DONE]\r\r",
        b"\0\xef\xbb\xbfdata: x\n",
    ],
    "segment": [b"\0" + b"".join(MEMBERS), b"\1\2\0\x40\x09\0\0\x90\xff", b"\1\4\0\xa0\0"],
    "journal": [b"\0" + b"".join(ENCODED), b"\1\2\0\x40\x09\0\0\x50\xff", b"\1\4\0\xa0\0"],
}
"""Whole inputs to begin with."""

TOKENS = [
    *b'"id": "input": "output": "target": "tags": "choices": "metadata": "messages": "role" "content"'.split(),
    *b"null true \\ud800 1e999 NaN 18446744073709551616 -0 0x ${NAME} ${NAME:-x} ${ // /* */ [[ !! &a *a ''' -".split(),
    *b'"provider" "scorers" "cases" "type" "path" "prompt" "template" "where" "" data: event: EP'.split(),
    *b"\xe5EPJ \xef\xbb\xbf \x1f\x8b\x08\x04".split(),
    b"\r\n",
]
"""Pieces that a mutation may put in."""
