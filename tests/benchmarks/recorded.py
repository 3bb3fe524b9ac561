"""Recorded answers with `exact` and gzip output: cases per second and core, and memory at three sizes."""

from __future__ import annotations

from tests.benchmarks.measure import CLIENT_CORE, evalperf, scratch, verdict, write_cases, write_config

SIZES = (10_000, 100_000, 1_000_000)


def main() -> None:
    """Prints the rate at the largest size, and how far peak memory differs between the sizes."""
    peaks = []
    with scratch() as folder:
        for size in SIZES:
            cases = folder / f"{size}.jsonl"
            write_cases(cases, size)
            config = write_config(
                folder / f"{size}.json",
                cases={"path": str(cases)},
                provider={"type": "replay"},
                scorers=["exact"],
                output={"dir": str(folder / "results")},
            )
            ours = evalperf("run", str(config), "--json", "--progress", "none", core=CLIENT_CORE)
            document = ours.document
            assert document["cases"]["ok"] == size, document
            assert document["scores"]["exact"]["passed"] == size - len(range(0, size, 4)), document["scores"]
            peaks.append(ours.peak_rss_mb)
            rate = size / ours.cpu_s
            print(f"  {size:>9,} cases: {ours.cpu_s / size * 1e6:5.1f} µs of CPU per case, {ours.peak_rss_mb:.0f} MB")
            cases.unlink()
    verdict("cases per second and core at the largest size", rate, 25_000, at_most=False)
    verdict("peak memory, MB", max(peaks), 150, at_most=True)
    verdict("difference of peak memory between the sizes, MB", max(peaks) - min(peaks), 10, at_most=True)


if __name__ == "__main__":
    main()
