"""The rules of fuzz_targets.py over what Hypothesis makes of the seeds; in the long form, over what atheris makes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.fuzz_targets import SEEDS, TARGETS, TOKENS
from tests.faults.processes import environment

EXAMPLES = {"config": 60, "segment": 150, "journal": 150}
RUNS = {"cases": 20_000, "config": 1_000, "events": 20_000, "segment": 5_000, "journal": 10_000}


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    """A seed with pieces cut out and others put in, or any bytes."""
    data = bytearray(draw(st.sampled_from([*SEEDS[name], b""])))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        taken = draw(st.integers(0, 8))
        data[at : at + taken] = draw(st.sampled_from(TOKENS) | st.binary(max_size=12))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_break_the_rules_of_a_reader(name: str) -> None:
    @settings(max_examples=EXAMPLES.get(name, 300), deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutated(name))
    def holds(data: bytes) -> None:
        TARGETS[name](data)

    holds()


FINDINGS = {
    "a member that lost bytes reached into the next": ("segment", b'//+*\x04\x00""\xa6'),
    "a byte order mark behind a short first line": ("events", b"\x00\n\xef\xbb\xbfdata: x\n"),
    "a header of CSV that is no UTF-8": ("cases", b"\x02a\xdd,a\xdd\n1,2\n"),
    "a YAML integer of 5,000 digits": ("config", b"\x01n: " + b"9" * 4_090),
    "YAML nested deeper than Python recurses": ("config", b"\x01" + b"[" * 600 + b"]" * 600),
    "TOML nested deeper than Python recurses": ("config", b"\x02a = " + b"[" * 1_500),
    "a word that was searched for secrets from each of its letters": ("config", b"\x00" + b"x" * 4_000),
}
"""What fuzzing has found, by the reader's name."""


@pytest.mark.parametrize("finding", FINDINGS)
def test_what_was_found_is_mended(finding: str) -> None:
    name, data = FINDINGS[finding]
    TARGETS[name](data)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("name", RUNS)
def test_atheris_finds_nothing(tmp_path: Path, name: str) -> None:
    argv = [sys.executable, "-m", "tests.faults.fuzz", name, "--runs", str(RUNS[name])]
    done = subprocess.run(argv, cwd=tmp_path, env=environment(tmp_path), capture_output=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert f"Done {RUNS[name]} runs".encode() in done.stderr
