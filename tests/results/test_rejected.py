import json
from pathlib import Path

from evalperf.results import Rejected, RejectedLine, create_run


async def test_lines_are_appended_within_a_session_and_begin_anew_with_the_next(tmp_path: Path) -> None:
    directory = create_run(tmp_path, "id")
    first = Rejected(directory)
    await first.append([RejectedLine(path="a.jsonl", line=3, column=7, reason="no JSON", excerpt="{a")])
    await first.append([RejectedLine(path="a.jsonl", line=9, reason="no input")])
    assert first.count == 2
    lines = [json.loads(line) for line in directory.rejected.read_text().splitlines()]
    assert lines == [
        {"path": "a.jsonl", "line": 3, "column": 7, "reason": "no JSON", "excerpt": "{a"},
        {"path": "a.jsonl", "line": 9, "column": None, "reason": "no input", "excerpt": ""},
    ]
    assert directory.rejected.stat().st_mode & 0o777 == 0o600
    await Rejected(directory).append([RejectedLine(path="a.jsonl", line=3, reason="no JSON")])
    assert len(directory.rejected.read_text().splitlines()) == 1
