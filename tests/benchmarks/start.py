"""What it costs to start: `evalperf --help`, and a run of one case."""

from __future__ import annotations

from statistics import median

from tests.benchmarks.measure import evalperf, scratch, verdict, write_cases, write_config

ROUNDS = 5


def main() -> None:
    """Prints medians of whole processes."""
    help_cpu_s = median(evalperf("--help").cpu_s for _ in range(ROUNDS))
    with scratch() as folder:
        cases = folder / "cases.jsonl"
        write_cases(cases, 1)
        config = write_config(
            folder / "c.json",
            cases={"path": str(cases)},
            provider={"type": "replay"},
            scorers=["exact"],
            output={"dir": str(folder / "results")},
        )
        one_wall_s = median(evalperf("run", str(config), "--progress", "none").wall_s for _ in range(ROUNDS))
    verdict("CPU seconds of --help", help_cpu_s, 0.3, at_most=True)
    verdict("wall seconds of a one-case run", one_wall_s, 1.0, at_most=True)


if __name__ == "__main__":
    main()
