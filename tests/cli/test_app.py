"""The command line as a process: what it imports, where it writes, what it exits with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evalperf import __version__
from evalperf.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("run", "report", "simulate", "tune-workers", "validate", "doctor", "schema", "init")
HEAVY = (
    "aiohttp",
    "jinja2",
    "rich.live",
    "rich.console",
    "jsonschema",
    "msgspec",
    "orjson",
    "tqdm",
    "uvloop",
    "psutil",
)


def evalperf(*arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evalperf", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """It must stay within 0.3 s of CPU; what it imports decides that, and unlike a time it can be asserted."""
    code = f"""
import sys
from evalperf.cli.app import app
try:
    app({arguments!r})
except SystemExit as end:
    assert end.code == 0
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_alone_it_shows_two_examples() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0
    assert result.stdout.count("  evalperf ") == 2
    assert len(result.stdout.splitlines()) <= 12


def test_help_names_every_command_and_exit_code() -> None:
    output = CliRunner().invoke(app, ["--help"]).stdout
    assert all(f"\n  {command} " in output for command in COMMANDS)
    assert all(f"\n    {code} " in output for code in (0, 1, 2, 3, 130))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_leads_with_an_example_of_its_own(command: str) -> None:
    output = CliRunner().invoke(app, [command, "-h"]).stdout
    assert f"\n    evalperf {command}" in output
    assert "\\b" not in output


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"evalperf {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rn"], "Did you mean 'run'?"),
        (["run", "x.json", "--limt", "3"], "--limit"),
        (["run"], "Missing argument 'CONFIG'"),
        (["run", "x.json", "-n", "many"], "--limit"),
        (["run", "x.json", "--progress", "loud"], "--progress"),
    ],
)
def test_a_wrong_command_line_says_what_is_right(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_missing_configuration(tmp_path: Path) -> None:
    done = evalperf("run", "x.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: x.json: no such file\n  help: evalperf init writes one to start from\n"


def test_a_broken_configuration_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"cases": {"path": "a", "limt": 3}, "provider": {"type": "replay"}}')
    done = evalperf("validate", "x.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "x.json:1:25: error: cases.limt: unknown key\n"
        '    1 │ {"cases": {"path": "a", "limt": 3}, "provider": {"type": "replay"}}\n'
        "      │                         ^\n"
        '  help: did you mean "limit"?\n'
    )


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colour_is_a_matter_of_the_stream_and_of_what_was_asked(
    tmp_path: Path, environ: dict[str, str], coloured: bool
) -> None:
    done = evalperf("run", "x.json", cwd=tmp_path, **environ)
    assert ("\x1b[1;31m" in done.stderr) is coloured
    assert done.returncode == 2


def test_a_reader_that_goes_away_is_no_crash(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "evalperf", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (141, b"")


def test_an_interrupt_is_no_crash(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")  # a configuration that never comes
    process = subprocess.Popen(
        [sys.executable, "-m", "evalperf", "run", str(tmp_path / "x.json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    with (tmp_path / "x.json").open("w"):  # opens as soon as the command reads
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, b"")
    assert b"Traceback" not in errors


@pytest.mark.parametrize(
    ("words", "offered"),
    [("evalperf tu", ["tune-workers"]), ("evalperf run --pro", ["--progress"]), ("evalperf run x", ["x.json", "xs/"])],
)
def test_a_shell_completes_commands_options_and_configurations(tmp_path: Path, words: str, offered: list[str]) -> None:
    (tmp_path / "x.json").write_text("")
    (tmp_path / "xs").mkdir()
    position = str(len(words.split()) - 1)
    done = evalperf(cwd=tmp_path, _EVALPERF_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=position)
    assert done.stdout.split() == offered, done.stderr
