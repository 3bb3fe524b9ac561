"""The public surface: what is listed is there, documented, and cheap to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import evalperf

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", evalperf.__all__)
def test_a_public_name_is_there_and_says_what_it_is(name: str) -> None:
    found = getattr(evalperf, name)
    assert isinstance(found, str) or found.__doc__


def test_every_home_is_listed() -> None:
    listed = {name for names in evalperf._HOMES.values() for name in names}
    assert listed | {"__version__"} == set(evalperf.__all__)


def test_the_bare_package_imports_nothing_heavy() -> None:
    code = "import evalperf, sys; sys.exit(bool({'aiohttp', 'msgspec', 'pydantic', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_run_from_python(tmp_path: Path) -> None:
    """As the package's docstring shows it."""
    loaded = evalperf.load_config(ROOT / "configs" / "recorded.json", [f'output.dir="{tmp_path}"'])
    outcome = evalperf.execute(loaded, evalperf.RunOptions())
    assert outcome.exit_code == 0
    assert outcome.report.document["cases"]["ok"] == 380
    results = list(evalperf.read_results(evalperf.find_run("latest", tmp_path)))
    assert len(results) == 380


def test_the_wheel_is_marked_as_typed() -> None:
    assert (ROOT / "evalperf" / "py.typed").exists()
