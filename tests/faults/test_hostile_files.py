"""Every hostile file ends as it should: no traceback, no hang, no more memory than allowed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.faults.hostile_files import write_corpus
from tests.faults.processes import environment

LONGEST_S = 10.0
"""Of CPU; on a busy machine the clock may show more."""

MOST_MB = 300
MOST_CHARS = 2_000

LIMITS = re.compile(
    r"more than the limit|levels deep|too deeply|-fold when unpacked|is not a regular file|is a folder"
    r"|larger than field|no prompt: .*(too long|takes longer|too large|unsafe|is undefined)|limit of"
)
"""What an error says that names a limit."""


FORMS = [False, pytest.param(True, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
"""Without and with what takes long: 40 MB in a line, 3 GB in 3 MB of gzip, programs that use up their time limit."""


class Told(NamedTuple):
    """What one process said of all files, one after the other."""

    folder: Path
    files: list[dict[str, Any]]


@pytest.fixture(scope="module", params=FORMS, ids=["short", "long"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("hostile")
    corpus = folder / "corpus.json"
    corpus.write_text(json.dumps(write_corpus(folder / "files", long=request.param)))
    argv = [sys.executable, "-m", "tests.faults.read_hostile_files", str(corpus)]
    done = subprocess.run(argv, cwd=folder, env=environment(folder), capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return Told(folder, [json.loads(line) for line in done.stdout.splitlines()])


def test_every_file_ends_in_its_class(told: Told) -> None:
    """ok: all of it is read · bad_input: an error that names the place · policy: the same, and it names a limit."""
    assert len(told.files) >= 150
    wrong = [f"{one['name']}: {one}" for one in told.files if _class_of(one) != one["expected"]]
    assert not wrong, "\n".join(wrong)


def test_none_takes_long_or_fills_the_memory(told: Told) -> None:
    """One process has read them all: its peak is that of the worst."""
    assert [one["name"] for one in told.files if one["cpu_s"] > LONGEST_S or one["took_s"] > 6 * LONGEST_S] == []
    assert told.files[-1]["rss_mb"] <= MOST_MB


def test_no_error_quotes_more_than_an_excerpt(told: Told) -> None:
    said = [(one["name"], len(text)) for one in told.files for text in (one["error"], *one["messages"]) if text]
    assert [name for name, chars in said if chars > MOST_CHARS] == []


def test_rejected_lines_keep_an_excerpt_beside_their_reason(told: Told) -> None:
    """However long the line was, and with nothing in it that a terminal would obey: JSON escapes it."""
    found = (told.folder / "results").glob("*/rejected.jsonl")
    lines = [line for path in found for line in path.read_bytes().split(b"\n") if line]
    rejected = [json.loads(line) for line in lines]
    assert {"broken", "x" * 100} <= {one["excerpt"][-100:] for one in rejected}
    assert all(one["reason"] and len(one["excerpt"]) <= 200 for one in rejected)
    assert not any(byte < 32 for line in lines for byte in line)


def test_nothing_was_written_outside_the_results(told: Told) -> None:
    expected = {"files", "corpus.json", "hostile.json", "results", "cache", "state"}
    assert {path.name for path in told.folder.iterdir()} <= expected
    assert not Path("/tmp/escaped").exists()


def _class_of(one: dict[str, Any]) -> str:
    if one["code"] is None:
        return "traceback"
    if one["code"] in (0, 1) and not one["failures"]:
        return "ok"
    if one["code"] in (0, 1, 3) and one["error"] is None and one["failures"] == ["scorer"]:
        return "ok"
    said = f"{one['error']} {one['messages']}"
    return "policy" if LIMITS.search(said) else "bad_input"
