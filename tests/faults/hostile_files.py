"""The hostile files of cases, and all of the corpus."""

from __future__ import annotations

import gzip
import json
import os
import socket
import zlib
from pathlib import Path

from tests.faults.hostile_corpus import GOOD, Corpus, Hostile, line
from tests.faults.hostile_programs import answers, conditions, endless_programs, slow_programs

__all__ = ["write_corpus"]


def nested(levels: int) -> bytes:
    return b'{"input": "x", "output": "y", "deep": ' + b"[" * levels + b"]" * levels + b"}\n"


def write_corpus(folder: Path, *, long: bool) -> list[Hostile]:
    """All of them, about 200 MB of disk; or, unless `long`, those that take little time and space."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(folder)
    parts = [_lines, _encodings, _numbers, _nesting, _ids, _shapes, _formats, _packed, _zstd, _not_files]
    parts += [answers, conditions, endless_programs]
    for part in [*parts, slow_programs, _huge] if long else parts:
        part(corpus)
    return corpus.found


def _lines(corpus: Corpus) -> None:
    corpus.add("plain", "ok", GOOD)
    corpus.add("no line feed at the end", "ok", GOOD.strip())
    corpus.add("carriage returns", "ok", GOOD.replace(b"\n", b"\r\n") * 1)
    corpus.add("blank lines between", "ok", b"\n\n" + GOOD + b"\r\n   \n\t\n")
    corpus.add("blanks around", "ok", b"   " + GOOD.strip() + b" \t \n")
    corpus.add("only carriage returns", "bad_input", GOOD.replace(b"\n", b"\r") + GOOD.replace(b"\n", b"\r"))
    corpus.add("line separators inside", "ok", line(input="a\u2028b\u2029c\u0085d\x0be\x0cf"))
    corpus.add("raw line separators inside", "ok", '{"input": "a\u2028b\u2029c\u0085d", "output": "y"}\n'.encode())
    corpus.add("empty file", "bad_input", b"")
    corpus.add("only blanks", "bad_input", b" \n\n\t\n")
    small = {"max_line_bytes": 1_000}
    corpus.add("a line of just the limit", "ok", line(input="x" * 971), **small)
    corpus.add("a line above the limit, skipped", "ok", line(input="x" * 2_000) + GOOD, on_bad_line="skip", **small)
    corpus.add("500 bad lines that are skipped", "ok", b"broken\n" * 500 + GOOD, on_bad_line="skip")
    corpus.add("a small limit of one's own", "policy", line(input="x" * 2_000), max_line_bytes=1_000)
    corpus.add("a bad line that is skipped", "ok", b"broken\n" + GOOD, on_bad_line="skip")
    corpus.add("nothing but bad lines", "bad_input", b"broken\n" * 10, on_bad_line="skip")


def _encodings(corpus: Corpus) -> None:
    text = GOOD.decode()
    corpus.add("byte order mark", "ok", b"\xef\xbb\xbf" + GOOD)
    corpus.add("byte order mark in the middle", "bad_input", GOOD + b"\xef\xbb\xbf" + line(id="second"))
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"):
        corpus.add(name, "bad_input", text.encode(name))
    corpus.add("latin-1", "bad_input", '{"input": "café", "output": "y"}\n'.encode("latin-1"))
    corpus.add("cp1252 quotes", "bad_input", '{"input": "“x”", "output": "y"}\n'.encode("cp1252"))
    for name, raw in {
        "overlong slash": b"\xc0\xaf",
        "surrogate as utf-8": b"\xed\xa0\x80",
        "lone continuation byte": b"\x80",
        "cut sequence": b"\xe2\x82",
        "beyond unicode": b"\xf4\x90\x80\x80",
        "five bytes": b"\xf8\x88\x80\x80\x80",
    }.items():
        corpus.add(name, "bad_input", b'{"input": "' + raw + b'", "output": "y"}\n')
    corpus.add("raw nul", "bad_input", b'{"input": "a\x00b", "output": "y"}\n')
    corpus.add("raw escape", "bad_input", b'{"input": "a\x1b[2Jb", "output": "y"}\n')
    corpus.add("escaped controls", "ok", line(input="\x00\x1b[2J\x07\x7f\u202e\u200b", output="\x1b]0;owned\x07"))
    corpus.add("emoji and combining marks", "ok", line(input="👩‍👩‍👧 é e\u0301 \u0301" * 100))
    corpus.add("lone surrogate escaped", "bad_input", b'{"input": "a\\ud800b", "output": "y"}\n')
    corpus.add("pair of surrogates escaped", "ok", b'{"input": "a\\ud83d\\ude00b", "output": "y"}\n')
    corpus.add("bad escape", "bad_input", b'{"input": "a\\x41", "output": "y"}\n')
    corpus.add("binary", "bad_input", os.urandom(4096))


def _numbers(corpus: Corpus) -> None:
    for name, text in {"nan": "NaN", "infinity": "Infinity", "minus infinity": "-Infinity", "hex": "0x10"}.items():
        corpus.add(name, "bad_input", b'{"input": "x", "output": "y", "n": ' + text.encode() + b"}\n")
    corpus.add("leading zero", "bad_input", b'{"input": "x", "output": "y", "n": 007}\n')
    corpus.add("plus sign", "bad_input", b'{"input": "x", "output": "y", "n": +1}\n')
    corpus.add("400 digits", "ok", b'{"input": "x", "output": "y", "n": ' + b"9" * 400 + b"}\n")
    corpus.add("20 digits", "ok", b'{"input": "x", "output": "y", "n": 18446744073709551617}\n')
    corpus.add("5,000 digits", "bad_input", b'{"input": "x", "output": "y", "n": ' + b"9" * 5_000 + b"}\n")
    corpus.add("1e999", "bad_input", b'{"input": "x", "output": "y", "n": 1e999}\n')
    corpus.add("400 digits as id", "ok", b'{"id": ' + b"9" * 400 + b', "input": "x", "output": "y"}\n')
    corpus.add("1,000 decimals", "ok", b'{"input": "x", "output": "y", "n": 0.' + b"3" * 1_000 + b"}\n")
    corpus.add("minus zero", "ok", b'{"id": -0, "input": "x", "output": "y", "n": -0.0}\n')


def _nesting(corpus: Corpus) -> None:
    corpus.add("100 levels", "ok", nested(100))
    for levels in (200, 1_000, 10_000, 100_000):
        corpus.add(f"{levels:,} levels", "policy", nested(levels))
    corpus.add("100,000 levels, never closed", "policy", b'{"a": ' + b"[" * 100_000 + b"\n")
    corpus.add("objects 5,000 deep", "policy", b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"\n")
    corpus.add("10,000 fields", "ok", line(**{f"f{n}": n for n in range(10_000)}))


def _ids(corpus: Corpus) -> None:
    names = [
        "../../etc/passwd", "/etc/passwd", "a/b", "..", ".", "-rf", "con", "a\\b", "a:b", "%s%n", "{x}", "${HOME}", "~",
        "$(reboot)", "a\nb", "a\x00b", "\x1b[2J", "\u202egnp.exe", " ", "x" * 300, "x" * 1_000_000,
        "'; DROP TABLE x;--", "=1+1", "<script>alert(1)</script>", "é", "e\u0301",
    ]  # fmt: skip
    corpus.add("ids that are paths and worse", "ok", b"".join(line(id=name) for name in names))
    for name in ("../../../../tmp/escaped", "/tmp/escaped", "a\x00b"):
        corpus.add(f"id {name!r}", "ok", line(id=name))
    corpus.add("A and a", "ok", line(id="A") + line(id="a"))
    for value in (True, [], {}, [1], ""):
        corpus.add(f"id {json.dumps(value)}", "bad_input", line(id=value))
    corpus.add("id null", "ok", line(id=None))
    corpus.add("the same id twice", "bad_input", GOOD + GOOD)
    corpus.add("the same id twice, renamed", "ok", GOOD + GOOD, on_duplicate="rename")
    corpus.add("the same id 500 times", "ok", GOOD * 500, on_duplicate="keep_first")
    corpus.add('1 and "1"', "bad_input", line(id=1) + line(id="1"))


def _shapes(corpus: Corpus) -> None:
    for text in (
        "1",
        '"x"',
        "null",
        "[]",
        "{}",
        "[{}]",
        "true",
        "{",
        "}",
        '{"input": "x"',
        "{'input': 'x'}",
        "input: x",
    ):
        corpus.add(f"line {text}", "bad_input", text.encode() + b"\n")
    corpus.add("two objects in a line", "bad_input", b'{"input": "x"} {"input": "y"}\n')
    corpus.add("trailing comma", "bad_input", b'{"input": "x", "output": "y",}\n')
    corpus.add("a comment", "bad_input", b"// nothing\n" + GOOD)
    corpus.add("the same key twice", "ok", b'{"input": "x", "input": "z", "output": "y"}\n')
    corpus.add("input is a number", "bad_input", line(input=5))
    corpus.add("messages without a role", "bad_input", line(input=[{"content": "x"}]))
    corpus.add("messages without end", "ok", line(input=[{"role": "user", "content": "x"}] * 10_000))
    corpus.add("tags that are objects", "ok", line(tags=[{"a": 1}]))
    corpus.add("metadata that is a list", "bad_input", line(metadata=[1]))
    corpus.add("names of Python's insides", "ok", line(__class__="x", __init__="y", __dict__={"a": 1}))
    corpus.add("an empty name", "ok", line(**{"": "x"}))


def _formats(corpus: Corpus) -> None:
    array = b"[" + GOOD.strip() + b"]"
    corpus.add("array", "ok", array, ".json")
    corpus.add("array with a byte order mark", "ok", b"\xef\xbb\xbf" + array, ".json")
    for name, content in {
        "not closed": array[:-1], "trailing comma": array[:-1] + b",]", "followed by more": array + b"x", "empty": b"",
        "an object": GOOD, "a number": b"5", "cut in a text": array[:20], "deep": b"[" * 100_000,
        "latin-1": b'[{"input": "caf\xe9"}]', "nan": b'[{"input": "x", "n": NaN}]',
    }.items():  # fmt: skip
        corpus.add(f"array {name}", "policy" if name == "deep" else "bad_input", content, ".json")
    corpus.add("an array of nothing", "bad_input", b"[]", ".json")
    corpus.add("csv", "ok", b"id,input,output\n1,x,y\n", ".csv")
    corpus.add("csv of formulas", "ok", b"id,input,output\n1,=1+1,@SUM(A1)\n2,+x,-y\n", ".csv")
    corpus.add("csv with carriage returns and a mark", "ok", b"\xef\xbb\xbfid,input,output\r\n1,x,y\r\n", ".csv")
    for name, content in {
        "quote never closed": b'id,input,output\n1,"x,y\n' + b"z\n" * 1_000, "too many cells": b"input,output\nx,y,z\n",
        "too few cells": b"id,input,output\nx\n", "two columns of a name": b"input,input\nx,y\n",
        "a nameless column": b"input,\nx,y\n", "latin-1": b"input,output\ncaf\xe9,y\n", "empty": b"",
        "only a header": b"input,output\n", "no input": b"a,b\n1,2\n", "quote inside": b'input,output\na"b"c,"d"e\n',
    }.items():  # fmt: skip
        corpus.add(f"csv {name}", "bad_input", content, ".csv")
    small = {"max_line_bytes": 4_000}
    corpus.add("csv of a cell above the limit", "policy", b'input,output\n"' + b"x\n" * 5_000, ".csv", **small)
    corpus.add("csv with nul", "ok", b"id,input,output\n1,a\x00b,y\n", ".csv")


def _packed(corpus: Corpus) -> None:
    packed = gzip.compress(GOOD)
    corpus.add("gzip", "ok", packed, ".jsonl.gz")
    corpus.add("gzip in two members", "ok", packed + gzip.compress(line(id="second")), ".jsonl.gz")
    corpus.add("gzip with zeros behind", "ok", packed + bytes(512), ".jsonl.gz")
    broken = bytearray(packed)
    broken[-6] ^= 255
    for name, content in {
        "cut": packed[:-9], "cut in its header": packed[:5], "with garbage behind": packed + b"garbage", "empty": b"",
        "wrong checksum": bytes(broken), "that is none": GOOD, "of gzip": gzip.compress(packed),
        "of zeros": bytes(100), "with a false method": b"\x1f\x8b\x07" + packed[3:],
    }.items():  # fmt: skip
        corpus.add(f"gzip {name}", "bad_input", content, ".jsonl.gz")
    corpus.add("gzip under another name", "bad_input", packed)
    corpus.add("zip under another name", "bad_input", b"PK\x03\x04" + os.urandom(100))


def bomb(block: bytes, times: int) -> bytes:
    """That many blocks as gzip, a thousandth of their size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(block) for _ in range(times)), packer.flush()])


def _zstd(corpus: Corpus) -> None:
    try:
        import zstandard
    except ImportError:
        return
    packed = zstandard.compress(GOOD)
    corpus.add("zstd", "ok", packed, ".jsonl.zst")
    for name, content in {
        "cut": packed[:-3],
        "garbage": packed + b"garbage",
        "empty": b"",
        "that is none": GOOD,
    }.items():
        corpus.add(f"zstd {name}", "bad_input", content, ".jsonl.zst")


def _huge(corpus: Corpus) -> None:
    """What takes seconds to write or to read."""
    corpus.add("31 MB in a line", "ok", line(input="x" * 31_000_000))
    corpus.add("a line above the limit", "policy", line(input="x" * 34_000_000) + GOOD)
    corpus.add("100 MB without a line feed", "policy", b"x" * 100_000_000)
    corpus.add("a long line that is skipped", "ok", line(input="x" * 34_000_000) + GOOD, on_bad_line="skip")
    corpus.add("100,000 bad lines that are skipped", "ok", b"broken\n" * 100_000 + GOOD, on_bad_line="skip")
    corpus.add("the same id 50,000 times", "ok", GOOD * 50_000, on_duplicate="keep_first")
    corpus.add("csv of one cell without end", "policy", b'input,output\n"' + b"x\n" * 20_000_000, ".csv")
    corpus.add("gzip bomb of blanks", "policy", bomb(b" " * 1_000_000, 3_000), ".jsonl.gz")
    corpus.add("gzip bomb of lines", "policy", bomb(b"\n" * 1_000_000, 3_000), ".jsonl.gz")
    corpus.add("gzip bomb without a line feed", "policy", bomb(b"x" * 1_000_000, 3_000), ".jsonl.gz")
    corpus.add("gzip bomb as an array", "policy", bomb(b"[" + b" " * 999_999, 3_000), ".json.gz")
    corpus.add("gzip bomb as csv", "policy", bomb(b"a,b\n" * 250_000, 3_000), ".csv.gz")
    for levels in (1_000_000, 10_000_000):
        corpus.add(f"{levels:,} levels", "policy", nested(levels))
    try:
        import zstandard
    except ImportError:
        return
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    blocks = [packer.compress(b" " * 1_000_000) for _ in range(3_000)]
    corpus.add("zstd bomb", "policy", b"".join(blocks) + packer.flush(), ".jsonl.zst")


def _not_files(corpus: Corpus) -> None:
    os.mkfifo(corpus.add("a pipe", "policy"))
    corpus.add("a folder", "policy").mkdir()
    corpus.add("no file", "bad_input")
    loop = corpus.add("a link to itself", "bad_input")
    loop.symlink_to(loop)
    corpus.add("a link to nothing", "bad_input").symlink_to("/nowhere/at/all")
    corpus.add("a link to a device", "policy").symlink_to("/dev/zero")
    corpus.add("a link to /dev/null", "policy").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listener:
        short = os.path.relpath(corpus.add("a socket", "policy"))
        listener.bind(short)
    corpus.add("a pattern that matches nothing", "bad_input", ending="-*.jsonl")
