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
    if isinstance(config.provider, FunctionProvider) and config.provider.batch:
        under_way = config.provider.max_batch_size * concurrency.max_concurrent_batches
        return max(concurrency.min_workers, min(concurrency.max_workers, under_way))
    if isinstance(config.provider, FunctionProvider | CommandProvider):
        return machine.in_process
    if not concurrency.adaptive:
        return machine.endpoint
    # the guess about the CPU is for a number that stays; one that is found while the run goes on sees the CPU itself
    most = min(bound.workers for bound in machine.endpoint_bounds if bound.name != "cpu")
    return max(most, concurrency.min_workers)


def batch_size(config: RunConfig) -> int:
    """Most cases that are read and parsed at once."""
    size = config.concurrency.batch_size
    return AUTO_BATCH if size == "auto" else size
