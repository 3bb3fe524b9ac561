"""A run of a million recorded answers, killed at 90 %: how soon `--resume` has its first new case, and its memory.

python -m tests.benchmarks.resume [CASES]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.benchmarks.measure import CLIENT_CORE, evalperf, scratch, verdict, write_cases, write_config

SCORER = '''
import os, time
from pathlib import Path

FOLDER = Path(__file__).parent
scored = 0


def witnessed(case, response):
    """Kills the first session at 90 %, and writes down when the second one has its first answer."""
    global scored
    scored += 1
    if scored == 1:
        (FOLDER / "first").write_text(str(time.monotonic()))
    if scored == {kill_at} and not (FOLDER / "killed").exists():
        (FOLDER / "killed").touch()
        os.kill(os.getpid(), 9)
    return response.completion.text == case.target
'''


def main() -> None:
    """Prints the time to the first new case and the peak memory of the resumed session."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with scratch() as folder:
        config = _configure(folder, size)
        assert evalperf("run", str(config), "--progress", "none", core=CLIENT_CORE).exit_code == -9
        began_s = time.monotonic()
        resumed = evalperf("run", str(config), "--resume", "--json", "--progress", "none", core=CLIENT_CORE)
        first_s = float((folder / "first").read_text()) - began_s
    cases = resumed.document["cases"]
    assert cases["done"] == size, cases
    assert cases["resumed"] > 0.85 * size, cases
    print(f"{cases['resumed']:,} of {size:,} cases were there; the session used {resumed.cpu_s:.1f} s of CPU")
    verdict("seconds from --resume to the first new case", first_s, 5, at_most=True)
    verdict("peak memory, MB", resumed.peak_rss_mb, 200, at_most=True)


def _configure(folder: Path, size: int) -> Path:
    write_cases(folder / "cases.jsonl", size)
    (folder / "witness.py").write_text(SCORER.replace("{kill_at}", str(size * 9 // 10)))
    return write_config(
        folder / "resume.json",
        cases={"path": "cases.jsonl"},
        provider={"type": "replay"},
        scorers=[{"type": "function", "call": "witness:witnessed"}],
        output={"dir": "results"},
    )


if __name__ == "__main__":
    main()
