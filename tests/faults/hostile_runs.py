"""Run directories that a stranger prepared, each with what every command has to say of it.

ok: nothing is wrong with it · told: the command does its work and names what is damaged · refused: it ends with an
error in words. Made from a genuine run: everything else about them is as evalperf writes it.
"""

from __future__ import annotations

import gzip
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalperf.results.frames import ABORT, BASE, DOUBT, INTENT, RESPONSE, TALLY, Frame
from evalperf.results.member import make_member
from tests.faults.spoilt_runs import (
    PART,
    Hostile,
    Prepared,
    append_part,
    bomb,
    edit,
    entry,
    forged,
    instead,
    lines,
    put,
    write_part,
)

__all__ = ["COMMANDS", "write_runs"]

COMMANDS = ("report", "doctor", "score", "resume")
"""In the order in which they are tried: the last one writes."""


def write_runs(folder: Path, finished: Path, *, long: bool) -> list[Hostile]:
    """All of them; unless `long` those that are small and soon read."""
    prepared = Prepared(folder, finished, long=long)
    for part in (_genuine, _run_json, _manifest, _members, _rows, _journals, _places, _success, _others):
        part(prepared)
    if long:
        _huge(prepared)
    return prepared.found


def _genuine(runs: Prepared) -> None:
    runs.add("a finished run", "oooo", lambda run: None)
    runs.add("a killed run", "oooo", lambda run: None, killed=True)


def _run_json(runs: Prepared) -> None:
    def said(what: str, expected: str, **changes: Any) -> None:
        runs.add(f"run.json: {what}", expected, lambda run: edit(run / "run.json", **changes))

    def text(name: str, content: bytes) -> None:
        runs.add(f"run.json {name}", "rrrr", lambda run: put(run / "run.json", content))

    said("format 99", "rrrr", format_version=99)
    said("format 0", "rrrr", format_version=0)
    said('format "1"', "rrrr", format_version="1")
    said("lines as text", "rrrr", lines="300")
    said("lines below nothing", "rrrr", lines=-1)
    said("lines without end", "rrrr", lines=2**62)
    said("lines of 400 digits", "rrrr", lines=int("9" * 400))
    said("no epochs", "rrrr", epochs=0)
    said("epochs below nothing", "rrrr", epochs=-3)
    said("a billion epochs", "rrrr", epochs=10**9)
    said("a config that is a list", "rrrr", config=[])
    said("an empty config", "oooo", config={})
    for section in ("provider", "scorers", "gates", "statistics", "cache", "cases", "output"):
        for value in ("x", 5, [5], [{}], {"x": "y"}, None) if runs.long else ("x", [{}]):
            runs.add(f"run.json: {section} {value!r}", "****", lambda run, s=section, v=value: config(run, {s: v}))
    said("a name that commands a terminal", "oooo", name="\x1b[2J\x1b]0;owned\x07\u202e" + "x" * 10_000)
    said("an id that leaves the folder", "oooo", run_id="../../outside")
    said("a fingerprint of numbers", "rrrr", fingerprint={"all": 5})
    said("another fingerprint", "oorr", fingerprint={})
    text("that is a list", b"[]")
    text("that is empty", b"")
    text("that is binary", bytes(range(256)))
    text("cut", b'{"format_version": 1, "run_id"')
    text("deep", b'{"format_version": 1, "config": ' + b"[" * 100_000)
    text("deep and closed", b'{"format_version": 1, "config": {"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}}")
    text("of 20 MB", b'{"format_version": 1, "x": "' + b"x" * 20_000_000 + b'"}')


def config(run: Path, changes: dict[str, Any]) -> None:
    path = run / "run.json"
    edit(path, config={**json.loads(path.read_text())["config"], **changes})


def _manifest(runs: Prepared) -> None:
    def said(name: str, expected: str, content: bytes) -> None:
        runs.add(f"manifest: {name}", expected, lambda run: put(run / "manifest.jsonl", content))

    def named(part: str, **changes: Any) -> bytes:
        fields = {"part": part, "rows": 10, "size_bytes": 10, "sha256": "0" * 64, **changes}
        return entry(json.dumps(fields).encode())

    said("empty", "otoo", b"")
    said("binary", "otot", bytes(range(256)) * 10)
    said("without a line end", "otoo", b"x" * 1_000_000)
    said("of 20 MB without a line end", "rrrr", b"x" * 20_000_000)
    said("8 million empty lines", "otoo" if runs.long else "****", b"\n" * (8_000_000 if runs.long else 100_000))
    said("a part that is not there", "ttrr", named("results/part-00002.jsonl.gz"))
    for part in ("../../outside/precious", "/etc/passwd", "results/../../x", "results/part-00001.jsonl.gz\x1b[2J", ""):
        said(f"a part called {part!r}", "otot", named(part))
    said("rows below nothing", "otot", named(f"results/{PART}", rows=-5))
    said("rows as text", "otot", named(f"results/{PART}", rows="5"))
    said("rows of 400 digits", "otot", named(f"results/{PART}", rows=int("9" * 400)))
    said("more rows than there are", "ttot", named(f"results/{PART}", rows=10**9))
    said("deep", "otot", entry(b"[" * 100_000))


def _members(runs: Prepared) -> None:
    def beside(name: str, expected: str, content: bytes) -> None:
        runs.add(f"member: {name}", expected, lambda run: append_part(run, content))

    row = lines(runs.rows[-1:])
    beside("key 2^63", "ttrt", make_member(row, [2**63], 1))
    beside("key 2^40", "ttrt", make_member(row, [2**40], 1))
    beside("key 2^31", "ttrt", make_member(row, [2**31], 1))
    beside("a key just beyond the run", "ttot", make_member(row, [len(runs.rows)], 1))
    beside("keys without an end", "ttrt", forged(b"\x03\x00", 1, b"\xff" * 200, check=0, size=0))
    beside("more rows than keys", "ttrt", forged(b"\x03\x00", 1000, b"\x00", check=0, size=0))
    beside("no rows", "ttrt", forged(b"\x03\x00", 0, b"", check=0, size=0))
    beside("4 billion rows", "ttrt", forged(b"\x03\x00", 2**32 - 1, b"\x00", check=0, size=0))
    beside("a length of 4 GB", "ttrt", forged(b"\x03\x00", 1, b"\x00", check=0, size=0, total=2**32 - 1))
    beside("a length of nothing", "ttrt", forged(b"\x03\x00", 1, b"\x00", check=0, size=0, total=0))
    body, check, size = bomb(bytes(1_000_000), 500)
    beside("a bomb", "ttrt", forged(body, 1, b"\x05", check=check, size=size))
    beside("a bomb that says it is small", "ttrt", forged(body, 1, b"\x05", check=check, size=100))
    beside("a bomb of several rows", "ttrt", forged(body, 3, b"\x05\x01\x01", check=check, size=size))
    beside("a stream that never ends", "ttrt", forged(b"\x00\xff\xff", 1, b"\x05", check=0, size=0))
    beside("another gzip", "ttrt", gzip.compress(row))
    head = forged(b"", 4096, b"", check=0, size=0)[:-8]
    beside("beginnings of members only", "ttrt", head[:10] * 100_000)
    beside("headers that reach over each other", "ttrt", overlapping(20_000))
    beside("a thousand gaps", "ttrt", b"".join(b"!" + make_member(row, [len(runs.rows) - 1], 1) for _ in range(1_000)))
    many = make_member(row, [len(runs.rows) - 1], 1) * 2_000
    beside("2,000 times the same row", "otot", many)


def overlapping(count: int) -> bytes:
    """Headers that claim 40 KB of keys, each beginning inside the one before."""
    head = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff" + (40_000).to_bytes(2, "little") + b"EP"
    head += (39_996).to_bytes(2, "little") + b"\x01\x00" + (50_000).to_bytes(4, "little")
    return (head + (4096).to_bytes(4, "little") + bytes(4)) * count


def _rows(runs: Prepared) -> None:
    runs.row("latency as text", "ttrt", latency_s="x")
    runs.row("scores that are a list", "ttrt", scores=[1, 2])
    runs.row("a score that is text", "ttrt", scores={"exact": {"value": "1.0"}})
    runs.row("usage as text", "ttrt", usage="none")
    runs.row("an unknown status", "ttrt", status="great")
    runs.row("a failed row among the results", "otot", status="failed")
    runs.row("no date", "ttrt", started_at="yesterday")
    runs.row("the line of another", "otot", seq=1)
    runs.row("line 2^40", "otrt", seq=2**40)
    runs.row("line -5", "ttrt", seq=-5)
    runs.row("epoch 7", "otot", epoch=7)
    runs.row("usage below nothing", "otot", usage={"input_tokens": -5, "output_tokens": -(10**9)})
    runs.row("usage without end", "ttrt", usage={"input_tokens": 10**300, "output_tokens": 1})
    runs.row("no cost", "otot", cost_usd=None)
    runs.row("a score of 1e308", "ttrt", scores={"exact": {"value": 1e308, "passed": True}}, overall_score=1e308)
    runs.row("a latency of -1e308", "ttrt", latency_s=-1e308, queue_s=-1e308)
    runs.row("scores of other names", "otot", scores={"\x1b[2J": {"value": 1.0}, "": {"value": 0.5}})
    runs.row("a thousand scores", "otot", scores={f"s{n}": {"value": 1.0} for n in range(1_000)})
    runs.row("a model that commands a terminal", "otot", model="\x1b[2J", endpoint="\x1b]0;x\x07")
    for name, text in {"NaN": b"NaN", "Infinity": b"Infinity", "1e999": b"1e999", "5,000 digits": b"9" * 5_000}.items():
        row = json.dumps({**runs.rows[-1], "cost_usd": "HERE"}).encode().replace(b'"HERE"', text)
        runs.row_text(f"a cost of {name}", "ttrt", row)
        row = json.dumps({**runs.rows[-1], "metadata": {"n": "HERE"}}).encode().replace(b'"HERE"', text)
        runs.row_text(f"metadata of {name}", "ttrt", row)
        row = row.replace(b'"input"', b'"lone": "\\ud800", "input"')
        runs.row_text(f"metadata of {name} beside half a surrogate pair", "ttrt", row)
    deep = json.dumps({**runs.rows[-1], "metadata": {"n": "HERE"}}).encode()
    runs.row_text("deep metadata", "ttrt", deep.replace(b'"HERE"', b"[" * 100_000 + b"]" * 100_000))
    runs.row_text("no JSON", "ttrt", b"{")
    runs.row_text("not UTF-8", "ttrt", deep.replace(b"HERE", b"\xff\xfe"))
    runs.row_text("nothing", "ttrt", b"")
    runs.row_text("two rows under one key", "ttrt", deep + b"\n" + deep)


def _journals(runs: Prepared) -> None:
    answer = b'{"completion": {"text": "x"}, "call": {}}'
    last = len(runs.rows) - 1
    runs.journal("a frame of 4 GB", "oooo", b"\xe5EPJ" + b"\xff" * 4 + bytes(4) + bytes(100))
    runs.journal("a frame of nothing", "otot", b"\xe5EPJ" + bytes(8), Frame(INTENT, last))
    runs.journal("only beginnings of frames", "oooo", b"\xe5EPJ" * 500_000)
    runs.journal("zeros", "oooo", bytes(5_000_000))
    runs.journal("key 2^64 - 1", "oooo", Frame(RESPONSE, 2**64 - 1, payload=answer), Frame(INTENT, 2**63))
    runs.journal("a tally of 2^64 - 1", "ooot", Frame(BASE, 0), Frame(TALLY, 2**64 - 1), Frame(INTENT, last))
    runs.journal("an unknown kind", "oooo", Frame(77, last))
    runs.journal("answers that are none", "oooo", *[Frame(RESPONSE, last - n, 0, 1, bytes(16), b"{") for n in range(3)])
    many_calls = 200_000 if runs.long else 5_000
    runs.journal("many calls", "ooot", *[Frame(INTENT, 10**6 + n, 0, 1) for n in range(many_calls)])
    runs.journal("calls that never ended", "ooot", *[Frame(DOUBT, last, n % 3_000, 1) for n in range(many_calls)])
    runs.journal("endings of nothing", "oooo", *[Frame(ABORT, last, n, 1) for n in range(many_calls)])

    def many(run: Path) -> None:
        for number in range(1, 201):
            put(run / "journal" / f"{number:06d}.wal", b"")

    runs.add("200 empty journals", "oooo", many, killed=True)
    for name in ("1.wal", "٣.wal", "9" * 200 + ".wal", "-00001.wal", "000001.wal.tmp"):
        runs.add(
            f"a journal called {name[:20]}", "****", lambda run, n=name: put(run / "journal" / n, b"x"), killed=True
        )


def _places(runs: Prepared) -> None:
    outside = runs.outside
    kinds: dict[str, Callable[[Path], object]] = {
        "a pipe": os.mkfifo,
        "a folder": lambda path: path.mkdir(),
        "a link to a device": lambda path: path.symlink_to("/dev/zero"),
        "a link outside": lambda path: path.symlink_to(outside / "precious"),
        "a link to itself": lambda path: path.symlink_to(path),
        "a socket": _bind,
    }
    chosen = kinds if runs.long else {kind: kinds[kind] for kind in ("a pipe", "a link outside")}
    for kind, make in chosen.items():
        for place, expected in {
            "run.json": "rrrr",
            "manifest.jsonl": "rrrr",
            f"results/{PART}": "ttrr",
            "results/part-00007.jsonl.gz": "ttrr",
            "failures/part-00001.jsonl.gz": "ttrr",
            "results/_SUCCESS": "****",
            "lock": "****",
            "journal/000001.wal": "*r*r",
            "summary.json": "*oo*",
            "rejected.jsonl": "*oo*",
            "input.idx": "oooo",
            ".reserve": "ooo*",
        }.items():
            spoil = lambda run, p=place, m=make: instead(run / p, m)  # noqa: E731
            runs.add(f"{place}: {kind}", expected, spoil, killed="wal" in place)
    for folder in ("results", "failures", "journal", "quarantine"):
        for kind, make in {
            "a file": lambda path: path.write_bytes(b"x"),
            "a link outside": lambda path: path.symlink_to(outside),
            "a pipe": os.mkfifo,
        }.items():
            runs.add(f"{folder}/: {kind}", "rrrr", lambda run, f=folder, m=make: instead(run / f, m))


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))


def _success(runs: Prepared) -> None:
    for name, content in {
        "empty": b"",
        "deep": b"[" * 100_000,
        "deep and closed": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        "a list": b"[]",
        "counts as text": b'{"results": "300", "failures": "0", "in_doubt": "7"}',
        "counts below nothing": b'{"results": -300, "failures": -1, "in_doubt": -7}',
        "counts of 300 digits": b'{"results": 300, "in_doubt": ' + b"9" * 300 + b"}",
        "of 20 MB": b'{"x": "' + b"x" * 20_000_000 + b'"}',
    }.items():
        runs.add(f"_SUCCESS: {name}", "*t*o", lambda run, c=content: put(run / "results" / "_SUCCESS", c))


def _others(runs: Prepared) -> None:
    for name, content in {
        "empty": b"",
        "deep": b'{"cases": ' + b"[" * 100_000,
        "a list": b"[]",
        "cases that are a list": b'{"cases": []}',
        "cases that are texts": b'{"cases": {"done": "x", "failed": []}, "scores": 5, "status": 7}',
        "of 20 MB": b'{"cases": {}, "x": "' + b"x" * 20_000_000 + b'"}',
        "of wrong types": json.dumps(
            {"cases": {"done": 300}, "status": "complete", "run": 5, "timing": [], "calls": 1}
        ).encode(),
    }.items():
        runs.add(f"summary.json: {name}", "*oo*", lambda run, c=content: put(run / "summary.json", c))
    runs.add("rejected.jsonl: 50 MB in a line", "*oo*", lambda run: put(run / "rejected.jsonl", b"x" * 50_000_000))
    runs.add("an index that lies", "oooo", lambda run: put(run / "input.idx", b"\xff" * 801))
    runs.add("a lock that names nobody", "oooo", lambda run: put(run / "lock", b"\xff\xfe{"))
    runs.add("unfinished files", "oooo", lambda run: put(run / "results" / "x.tmp", b"x"))

    def many(run: Path) -> None:
        for number in range(2, 202):
            write_part(run, b"", f"part-{number:05d}.jsonl.gz")

    runs.add("200 empty parts", "otot", many)

    def deep(run: Path) -> None:
        path = run / "d"
        for _ in range(200):
            path.mkdir()
            path = path / "d"

    runs.add("folders without end", "oooo", deep)


def _huge(runs: Prepared) -> None:
    """What takes seconds, or much disk, to write or to read."""
    body, check, size = bomb(bytes(1_000_000), 3_000)
    content = forged(body, 1, b"\x05", check=check, size=size)
    runs.add("member: a bomb of 3 GB", "ttrt", lambda run: append_part(run, content))
    runs.add(
        "a part of 256 MB of nothing", "tt*o", lambda run: _sparse(run / "results" / "part-00002.jsonl.gz", 1 << 28)
    )
    runs.add("manifest: of 2 GB", "rrrr", lambda run: _sparse(run / "manifest.jsonl", 2 << 30))
    runs.add("run.json of 2 GB", "rrrr", lambda run: _sparse(run / "run.json", 2 << 30))
    runs.add(
        "a journal of 256 MB of nothing",
        "oooo",
        lambda run: _sparse(run / "journal" / "000001.wal", 1 << 28),
        killed=True,
    )
    starts = forged(b"", 4096, b"", check=0, size=0)[:10] * 800_000
    runs.add("member: 8 MB of beginnings", "ttrt", lambda run: append_part(run, starts))
    long_answer = json.dumps({**runs.rows[-1], "output": "x" * 38_000_000}).encode()
    runs.row_text("an answer of 38 MB", "otot", long_answer)
    answers = [Frame(RESPONSE, 10**6 + n, 0, 1, payload=b"x" * 1_000_000) for n in range(200)]
    runs.journal("200 MB of answers", "orrr", *answers)
    runs.journal("a million calls", "orrr", *[Frame(INTENT, 10**6 + n, 0, 1) for n in range(1_000_000)])

    def many(run: Path) -> None:
        for number in range(1, 70_000):
            put(run / "journal" / f"{number:06d}.wal", b"")

    runs.add("70,000 journals", "orrr", many, killed=True)


def _sparse(path: Path, size: int) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.truncate(path, size)
