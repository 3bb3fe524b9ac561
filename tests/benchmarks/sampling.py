"""A process that is looked at every ten seconds until it ends: memory, descriptors, CPU of its main thread."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

SAMPLE_EVERY_S = 10
SHOWN_EVERY = 6
"""Of so many samples one is printed."""
WARM_UP_SHARE = 0.1
"""Of the samples: until then code is loaded and pools fill."""
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """The process at one moment."""

    at_s: float
    rss_mb: float
    descriptors: int
    main_cpu_s: float
    """CPU of the thread that the event loop runs in, since the process began."""


def sampled(process: subprocess.Popen[bytes]) -> Iterator[Sample]:
    """The process every ten seconds until it has ended."""
    began_s = time.monotonic()
    number = 0
    while process.poll() is None:
        number += 1
        try:
            process.wait(max(0.0, began_s + number * SAMPLE_EVERY_S - time.monotonic()))
        except subprocess.TimeoutExpired:
            sample = _sample(process.pid, time.monotonic() - began_s)
            if number % SHOWN_EVERY == 1:
                print(f"{sample.at_s:6.0f} s  {sample.rss_mb:6.1f} MB  {sample.descriptors} descriptors", flush=True)
            yield sample


def _sample(pid: int, at_s: float) -> Sample:
    proc = Path("/proc") / str(pid)
    rss_mb = int((proc / "statm").read_text().split()[1]) * PAGE_MB
    times = (proc / "task" / str(pid) / "stat").read_text().rpartition(")")[2].split()[11:13]
    return Sample(at_s, rss_mb, len(list((proc / "fd").iterdir())), sum(map(int, times)) / TICKS_PER_S)


def steady(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Those after the warm-up."""
    return samples[round(len(samples) * WARM_UP_SHARE) :]


def memory_slope(samples: Sequence[Sample], cases_per_s: float) -> float:
    """Megabytes per 100,000 cases, by least squares."""
    return linear_regression([one.at_s for one in samples], [one.rss_mb for one in samples]).slope * 1e5 / cases_per_s


def descriptors_ratio(samples: Sequence[Sample]) -> float:
    """The most in the second half over those in the first: they go up and down with the calls in flight."""
    half = len(samples) // 2
    before, after = (max(one.descriptors for one in part) for part in (samples[:half], samples[half:]))
    return after / before
