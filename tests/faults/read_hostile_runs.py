"""A process that runs commands of evalperf and tells what came of each, one JSON line a command.

python -m tests.faults.read_hostile_runs COMMANDS.json
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from evalperf.cli.app import app
from evalperf.tuning import peak_rss_bytes

MOST_S = 60
"""After which the process shows where it hangs and dies."""
MOST_BYTES = 4 << 30
"""Of addresses: a hole is to end this process, not the machine."""


def one(argv: list[str]) -> dict[str, Any]:
    """`evalperf` with these arguments."""
    output, errors = _Captured(), _Captured()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    faulthandler.dump_traceback_later(MOST_S, exit=True)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = _call(argv)
    faulthandler.cancel_dump_traceback_later()
    return {
        "code": code,
        "output": output.text(),
        "errors": errors.text(),
        "took_s": time.perf_counter() - began_s,
        "cpu_s": time.process_time() - began_cpu_s,
        "left_open": len(list(Path("/proc/self/fd").iterdir())) - descriptors,
        "rss_mb": peak_rss_bytes() / 2**20,
    }


class _Captured(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", errors="replace", write_through=True)

    def text(self) -> str:
        return self.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined,no-any-return]


def _call(argv: list[str]) -> int:
    try:
        app(argv, prog_name="evalperf")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    results = os.fdopen(os.dup(1), "w")
    for name, command, argv in json.loads(Path(sys.argv[1]).read_text()):
        print(json.dumps({"name": name, "command": command, **one(argv)}), file=results, flush=True)


if __name__ == "__main__":
    main()
