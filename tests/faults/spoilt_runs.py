"""What a stranger may do to a run directory: copies of genuine runs, and the parts that are forged into them."""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from evalperf.results.frames import Frame, encode_frame
from evalperf.results.member import make_member

__all__ = [
    "LETTERS",
    "PART",
    "Hostile",
    "Outcome",
    "Prepared",
    "append_part",
    "bomb",
    "edit",
    "entry",
    "forged",
    "instead",
    "lines",
    "members",
    "put",
    "write_part",
]

Outcome = Literal["ok", "told", "refused", "any"]

LETTERS: dict[str, Outcome] = {"*": "any", "o": "ok", "t": "told", "r": "refused"}
PART = "part-00001.jsonl.gz"


class Hostile(NamedTuple):
    """What was prepared, and the outcome of each command."""

    name: str
    path: str
    expected: list[Outcome]


class Prepared:
    """Copies of two genuine runs, one finished and one killed, to be spoilt one by one."""

    def __init__(self, folder: Path, finished: Path, *, long: bool) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.long = long
        self.outside = folder / "outside"
        self.found: list[Hostile] = []
        self._finished = finished
        with gzip.open(finished / "results" / PART) as part:
            self.rows: list[dict[str, Any]] = [json.loads(line) for line in part]
        self.rows.sort(key=lambda row: row["seq"])
        self.outside.mkdir()
        (self.outside / "precious").write_text("nobody writes here\n")

    def add(self, name: str, expected: str, spoil: Callable[[Path], object], *, killed: bool = False) -> None:
        """A copy that `spoil` has changed; `expected` has a letter for each command."""
        run = self.folder / f"{len(self.found):03d}"
        shutil.copytree(self._finished, run)
        if killed:
            self._make_killed(run)
        spoil(run)
        self.found.append(Hostile(name, str(run), [LETTERS[letter] for letter in expected]))

    def row(self, name: str, expected: str, **changes: Any) -> None:
        """The last row says something else."""
        text = json.dumps({**self.rows[-1], **changes}).encode()
        self.row_text(name, expected, text)

    def row_text(self, name: str, expected: str, text: bytes) -> None:
        """The last row is this text, under a checksum that fits."""
        last = make_member(text + b"\n", [len(self.rows) - 1], 1)
        self.add(name, expected, lambda run: write_part(run, members(self.rows[:-1]) + last))

    def journal(self, name: str, expected: str, *pieces: bytes | Frame) -> None:
        """A killed run with this journal."""
        content = b"".join(encode_frame(one) if isinstance(one, Frame) else one for one in pieces)
        self.add(name, expected, lambda run: put(run / "journal" / "000001.wal", content), killed=True)

    def _make_killed(self, run: Path) -> None:
        for name in ("results/_SUCCESS", f"results/{PART}", "manifest.jsonl", "summary.json"):
            (run / name).unlink()
        put(run / "results" / f"_{PART}", members(self.rows[:-3]))


def members(rows: Sequence[dict[str, Any]]) -> bytes:
    """Rows as evalperf writes them, 10 in a member."""
    cut = [rows[start : start + 10] for start in range(0, len(rows), 10)]
    return b"".join(make_member(lines(some), [row["seq"] - 1 for row in some], 1) for some in cut)


def lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def forged(body: bytes, rows: int, packed_keys: bytes, *, check: int, size: int, total: int | None = None) -> bytes:
    """A member whose header, under a checksum of its own, says whatever it likes."""
    extra = 18 + len(packed_keys)
    whole = 12 + extra + len(body) + 8
    fields = b"\x01\x00" + (whole if total is None else total).to_bytes(4, "little") + rows.to_bytes(4, "little")
    head = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff" + extra.to_bytes(2, "little") + b"EP"
    head += (extra - 4).to_bytes(2, "little") + fields
    head += zlib.crc32(packed_keys, zlib.crc32(fields)).to_bytes(4, "little") + packed_keys
    return head + body + check.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def bomb(block: bytes, times: int) -> tuple[bytes, int, int]:
    """That many blocks deflated, with the checksum and the size of what they unpack to."""
    packer, check = zlib.compressobj(9, zlib.DEFLATED, -15), 0
    pieces = []
    for _ in range(times):
        pieces.append(packer.compress(block))
        check = zlib.crc32(block, check)
    return b"".join([*pieces, packer.flush()]), check, len(block) * times


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def write_part(run: Path, content: bytes, name: str = PART) -> None:
    put(run / "results" / name, content)


def append_part(run: Path, content: bytes) -> None:
    with (run / "results" / PART).open("ab") as part:
        part.write(content)


def entry(text: bytes) -> bytes:
    """A line of the manifest."""
    return b"%08x %s\n" % (zlib.crc32(text), text)


def edit(path: Path, **changes: Any) -> None:
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({**fields, **changes}))


def instead(path: Path, make: Callable[[Path], object]) -> None:
    """Something that is no file, or no folder, in the place of one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    make(path)
