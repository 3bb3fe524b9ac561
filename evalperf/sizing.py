"""How many cases at once, and how many are read at once: from the configuration, else from the machine."""

from __future__ import annotations

from evalperf.config.model import CommandProvider, FunctionProvider, RunConfig
from evalperf.tuning import Bound, Workers, memory_bound, read_machine, recommend, rss_bytes

__all__ = ["BATCH_BYTES", "batch_bytes", "batch_size", "count_workers", "most_calls", "workers_cut"]

AUTO_BATCH = 256
"""Parsing that many takes about a millisecond: short enough to stand between two answers."""

MIB = 1 << 20
BATCH_BYTES = MIB
"""Most bytes of input that are parsed at once, where memory is not limited further."""
BATCH_SHARE = 1 / 256
"""Of `memory_mb`: a parsed case takes a few times the bytes of its line."""


def count_workers(config: RunConfig) -> int:
    """Workers of a run: those that wait for an endpoint are many, those that compute are few."""
    wanted, bound = _wanted(config), _limited_memory(config)
    return wanted if bound is None else min(wanted, bound.workers)


def workers_cut(config: RunConfig, workers: int) -> str | None:
    """Why there are fewer workers than the configuration names, in a sentence; None where there are not."""
    asked = config.concurrency.workers
    least = config.concurrency.min_workers if asked == "auto" else asked
    bound = _limited_memory(config)
    if bound is None or workers >= least:
        return None
    return f"{workers} workers instead of {least}: {bound.why}"


def most_calls(config: RunConfig, workers: int) -> int:
    """So many of the workers can have a call under way at once."""
    bounds = [workers]
    most = config.concurrency.resource_limits.max_concurrent_api_calls
    if most is not None:
        bounds.append(most)
    at_endpoints = [endpoint.max_in_flight for endpoint in getattr(config.provider, "endpoints", ())]
    if at_endpoints and None not in at_endpoints:
        bounds.append(sum(each for each in at_endpoints if each is not None))
    return min(bounds)


def batch_size(config: RunConfig) -> int:
    """Most cases that are read and parsed at once."""
    size = config.concurrency.batch_size
    return AUTO_BATCH if size == "auto" else size


def batch_bytes(config: RunConfig) -> int:
    """Most bytes of input that are parsed at once."""
    memory_mb = config.concurrency.resource_limits.memory_mb
    return BATCH_BYTES if memory_mb is None else min(BATCH_BYTES, int(memory_mb * MIB * BATCH_SHARE))


def _wanted(config: RunConfig) -> int:
    concurrency = config.concurrency
    if concurrency.workers != "auto":
        return concurrency.workers
    machine = _recommended(config)
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


def _recommended(config: RunConfig) -> Workers:
    concurrency = config.concurrency
    memory_bytes, bytes_per_worker = _memory(config)
    return recommend(
        read_machine(),
        max_workers=concurrency.max_workers,
        min_workers=concurrency.min_workers,
        memory_bytes=memory_bytes,
        bytes_per_worker=bytes_per_worker,
    )


def _limited_memory(config: RunConfig) -> Bound | None:
    """The bound that the configuration's limits on memory set; None where it has none."""
    memory_bytes, bytes_per_worker = _memory(config)
    if memory_bytes is None and bytes_per_worker is None:
        return None
    return memory_bound(read_machine(), memory_bytes, bytes_per_worker)


def _memory(config: RunConfig) -> tuple[int | None, int | None]:
    """What all workers together may take, after what the process holds already; and what one takes."""
    limits = config.concurrency.resource_limits
    memory_bytes = None if limits.memory_mb is None else max(0, limits.memory_mb * MIB - rss_bytes())
    each_mb = limits.memory_per_worker_mb
    return memory_bytes, None if each_mb is None else each_mb * MIB
