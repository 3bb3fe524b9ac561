"""What the live dashboard costs: CPU of the same HTTP run with it on a pseudo-terminal and without."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
import threading
from pathlib import Path
from statistics import median

from tests.benchmarks.measure import CLIENT_CORE, evalperf, nginx, scratch, verdict, write_cases, write_config

CASES, IN_FLIGHT, ROUNDS = 20_000, 64, 5
ROWS, COLUMNS = 40, 120


def main() -> None:
    """Prints the median over pairs, one after the other, of CPU on / off."""
    with scratch() as folder, nginx() as port:
        cases = folder / "cases.jsonl"
        write_cases(cases, CASES)
        config = write_config(
            folder / "c.json",
            cases={"path": str(cases)},
            provider={"type": "openai", "model": "m", "endpoints": [{"url": f"http://127.0.0.1:{port}/v1"}]},
            concurrency={"workers": IN_FLIGHT},
            scorers=["exact"],
            output={"dir": str(folder / "results")},
        )
        ratios = []
        for _ in range(ROUNDS):
            off = evalperf("run", str(config), "--json", "--progress", "none", core=CLIENT_CORE).cpu_s
            on = _on_a_terminal(config)
            ratios.append(on / off)
            print(f"  off {off:.2f} s, on {on:.2f} s of CPU")
        verdict("CPU with the dashboard against without", median(ratios), 1.03, at_most=True)


def _on_a_terminal(config: Path) -> float:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    pid = os.fork()
    if pid == 0:
        os.sched_setaffinity(0, {CLIENT_CORE})
        os.dup2(slave, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-m", "evalperf", "run", str(config), "--json", "--progress", "live"])
    os.close(slave)
    drain = threading.Thread(target=_drain, args=(master,))
    drain.start()
    _, status, usage = os.wait4(pid, 0)
    drain.join()
    assert os.waitstatus_to_exitcode(status) == 0
    return usage.ru_utime + usage.ru_stime


def _drain(master: int) -> None:
    shown = 0
    try:
        while data := os.read(master, 65536):
            shown += len(data)
    except OSError:
        pass  # the other end is gone
    assert shown > 1000, "no dashboard was drawn"


if __name__ == "__main__":
    main()
