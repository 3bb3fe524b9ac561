"""How many cases at once, and how many are read at once: from the configuration, else from the machine."""

from __future__ import annotations

from evalperf.config.model import CommandProvider, FunctionProvider, RunConfig
from evalperf.tuning import read_machine, recommend

__all__ = ["BATCH_BYTES", "batch_size", "count_workers"]

AUTO_BATCH = 256
"""Parsing that many takes about a millisecond: short enough to stand between two answers."""


BATCH_BYTES = 1024 * 1024
"""Most bytes of input that are parsed at once."""


def count_workers(config: RunConfig) -> int:
    """Workers of a run: those that wait for an endpoint are many, those that compute are few."""
    concurrency = config.concurrency
    if concurrency.workers != "auto":
        return concurrency.workers
    machine = recommend(read_machine(), max_workers=concurrency.max_workers, min_workers=concurrency.min_workers)
    computes = isinstance(config.provider, FunctionProvider | CommandProvider)
    return machine.in_process if computes else machine.endpoint


def batch_size(config: RunConfig) -> int:
    """Most cases that are read and parsed at once."""
    size = config.concurrency.batch_size
    return AUTO_BATCH if size == "auto" else size
