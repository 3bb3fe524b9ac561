"""`evalperf doctor` as a user meets it: what it prints and what it exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evalperf.cli.app import app
from evalperf.results import RunDirectory
from tests.results.helpers import make_result, make_run, write


@pytest.fixture
async def run(tmp_path: Path) -> RunDirectory:
    directory, info = make_run(tmp_path / "results")
    await write(directory, info, [make_result(seq) for seq in range(1, 11)], finish=True)
    return directory


def doctor(*arguments: str, code: int) -> str:
    done = CliRunner().invoke(app, ["doctor", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def damage(run: RunDirectory) -> None:
    (part,) = run.results.glob("part-*")
    data = bytearray(part.read_bytes())
    data[-20] ^= 1
    part.write_bytes(data)


def test_a_whole_run_exits_with_0(run: RunDirectory) -> None:
    output = doctor(str(run.path), code=0)
    assert "10 with a result" in output
    assert output.splitlines()[-1] == "whole: every row can be read, and nothing is missing"


def test_a_damaged_run_exits_with_1_and_says_what_resume_does(run: RunDirectory) -> None:
    damage(run)
    output = doctor(str(run.path), code=1)
    assert "✘ lost [I1] results/part-00001.jsonl.gz" in output
    assert "--resume takes the damaged bytes out" in output
    assert output.splitlines()[-1] == "damaged: 10 rows can't be read"


def test_json_is_one_document(run: RunDirectory) -> None:
    damage(run)
    document = json.loads(doctor(str(run.path), "--json", code=1))
    assert document["schema_version"] == 1
    assert document["run"] == {"id": run.id, "dir": str(run.path), "name": "test"}
    assert (document["sound"], document["lost"], document["results"]) == (False, 10, 0)
    assert document["findings"][0]["level"] == "lost"


def test_the_latest_run_of_a_folder_is_meant_without_a_name(run: RunDirectory) -> None:
    assert run.id in doctor("--output-dir", str(run.path.parent), code=0)


def test_a_folder_that_is_no_run_exits_with_2(tmp_path: Path) -> None:
    assert "no run" in doctor(str(tmp_path), code=2)


def test_a_damaged_run_json_exits_with_3(run: RunDirectory) -> None:
    run.run_json.write_bytes(b"{")
    assert "is damaged" in doctor(str(run.path), code=3)


def test_names_from_outside_can_not_command_the_terminal(run: RunDirectory) -> None:
    (run.results / "\x1b[2J.tmp").write_bytes(b"")
    assert "\x1b" not in doctor(str(run.path), code=0)
