"""A process that makes a run of each hostile file and tells what came of it, one JSON line each.

python -m tests.faults.read_hostile_files CORPUS.json
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from evalperf.config import load_config
from evalperf.errors import EvalperfError
from evalperf.results import RunDirectory, read_results
from evalperf.run import RunOptions, execute
from evalperf.tuning import peak_rss_bytes
from tests.faults.hostile_corpus import Hostile


def one(hostile: Hostile, folder: Path) -> dict[str, Any]:
    config = {"name": "hostile", "provider": {"type": "replay"}, "scorers": ["exact"], "output": {"dir": "results"}}
    path = folder / "hostile.json"
    path.write_text(json.dumps({**config, **hostile.config}))
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    try:
        outcome = execute(load_config(path), RunOptions())
        told: dict[str, Any] = {"code": outcome.exit_code, "error": outcome.error and outcome.error.message}
        told["failures"] = sorted(outcome.report.document["failures"])
        told["messages"] = _messages(Path(outcome.report.document["run"]["dir"]))
    except EvalperfError as error:
        told = {"code": error.exit_code, "error": error.message, "failures": [], "messages": []}
    except BaseException:  # noqa: BLE001 - what must not happen, told to the parent
        told = {"code": None, "error": traceback.format_exc(), "failures": [], "messages": []}
    took = {"took_s": time.perf_counter() - began_s, "cpu_s": time.process_time() - began_cpu_s}
    return {"name": hostile.name, "expected": hostile.expected, **took, **told}


def _messages(directory: Path) -> list[str]:
    """Why cases failed."""
    return [result.failure.message for result in read_results(RunDirectory(directory)) if result.failure is not None]


def main() -> None:
    corpus = Path(sys.argv[1])
    for fields in json.loads(corpus.read_text()):
        told = one(Hostile(*fields), corpus.parent)
        told["rss_mb"] = peak_rss_bytes() / 2**20
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
