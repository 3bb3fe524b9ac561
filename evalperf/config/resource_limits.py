"""What a run may take of the machine that it runs on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from evalperf.config.section import Section

__all__ = ["ResourceLimits"]

Mib = Annotated[int, Field(ge=1)]


class ResourceLimits(Section):
    """Bounds on memory, CPUs and calls; what the platform refuses is said once, when the run starts."""

    memory_mb: Annotated[int, Field(ge=64)] | None = None
    """Memory that this process may take, in MiB: bounds the workers and the cases that are read ahead."""
    memory_per_worker_mb: Mib | None = None
    """What one worker takes, in MiB; with `memory_mb`, or else the memory that is free, it bounds the workers."""
    cpu_affinity: Literal["off", "auto"] | Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = "off"
    """CPUs that the process may use, by number; `auto` takes one logical CPU of each physical core."""
    nice: Annotated[int, Field(ge=-20, le=19)] = 0
    """Added to the niceness of the process; less than 0 needs the rights of root."""
    max_concurrent_api_calls: Annotated[int, Field(ge=1)] | None = None
    """Most calls in flight, over all endpoints."""

    @field_validator("cpu_affinity")
    @classmethod
    def _distinct(cls, cpus: Literal["off", "auto"] | list[int]) -> Literal["off", "auto"] | list[int]:
        if isinstance(cpus, list) and len(set(cpus)) != len(cpus):
            raise ValueError("names a CPU twice")
        return cpus
