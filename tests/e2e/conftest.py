"""Whole commands, as a user types them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

Evalperf = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of what a user finds in the repository, to run in."""
    for folder in ("configs", "sample_data"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


@pytest.fixture
def evalperf(tmp_path: Path) -> Evalperf:
    """Runs a command in the test's folder; `code` is what it must exit with."""

    def run(*arguments: str, code: int = 0, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "evalperf", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def document(evalperf: Evalperf) -> Callable[..., dict[str, Any]]:
    """Runs a command with --json and returns what it prints."""

    def run(*arguments: str, code: int = 0) -> dict[str, Any]:
        done = evalperf(*arguments, "--json", code=code)
        return json.loads(done.stdout)

    return run
