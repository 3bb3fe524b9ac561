"""The committed sample files and configurations are what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from evalperf.config import load_config
from evalperf.simulator.problems import KINDS, answers_jsonl, generate, problems_jsonl

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(path for path in (ROOT / "configs").glob("*.json") if "schema" not in path.name)


def test_the_problems_are_the_generator_s():
    assert (ROOT / "sample_data/arithmetic.jsonl").read_bytes() == problems_jsonl()


def test_the_recorded_answers_are_the_large_solver_s():
    assert (ROOT / "sample_data/recorded_answers.jsonl").read_bytes() == answers_jsonl("large")


def test_the_command_in_the_readme_writes_both_files(tmp_path):
    subprocess.run([sys.executable, "-m", "evalperf.simulator.problems", str(tmp_path)], check=True, cwd=ROOT)
    for name in ("arithmetic.jsonl", "recorded_answers.jsonl"):
        assert (tmp_path / name).read_bytes() == (ROOT / "sample_data" / name).read_bytes()


def test_hash_randomisation_does_not_change_the_problems():
    code = (
        "import hashlib; from evalperf.simulator.problems import *; print(hashlib.sha256(problems_jsonl()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            cwd=ROOT,
            capture_output=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_there_are_enough_of_each_kind_and_no_two_are_alike():
    problems = list(generate())
    assert len(problems) >= 300
    assert len({problem.id for problem in problems}) == len({problem.input for problem in problems}) == len(problems)
    assert {problem.category for problem in problems} == set(KINDS)


def test_targets_are_exact_numbers_and_some_are_negative_or_not_whole():
    targets = [Fraction(problem.target) for problem in generate()]
    assert any(target < 0 for target in targets)
    assert any("/" in problem.target for problem in generate())
    assert any("." in problem.target for problem in generate())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_is_valid_and_its_files_exist(path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    loaded = load_config(path, ())
    assert loaded.config.name == path.stem
    assert isinstance(loaded.config.cases.path, str)
    assert (path.parent / loaded.config.cases.path).is_file()
