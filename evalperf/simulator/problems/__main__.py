"""`python -m evalperf.simulator.problems sample_data` writes the sample files into that folder."""

from __future__ import annotations

import sys
from pathlib import Path

from evalperf.simulator.problems import answers_jsonl, problems_jsonl

folder = Path(sys.argv[1])
(folder / "arithmetic.jsonl").write_bytes(problems_jsonl())
(folder / "recorded_answers.jsonl").write_bytes(answers_jsonl("large"))
