"""What may be chosen about how a run is written."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["StoreOptions"]


class StoreOptions(Struct, frozen=True, kw_only=True):
    """How a run's files are written."""

    journal: bool
    """Whether calls cost something, so that their answers must survive a crash."""
    durability: Literal["power", "process"] = "power"
    """What is survived: a power cut, or only the death of the process."""
    level: int = 1
    """Compression, 0 to 3."""
    queue_size: int = 1000
    """Results that may wait for the writer."""
    retry_doubts: bool = True
    """Whether calls that were on their way when a process died may be made again."""
    retry_failed: bool = False
    """Whether cases given up by earlier sessions are open again."""
    flush_results: int = 256
    flush_s: float = 0.5
    """Results are written when that many wait, or when the first of them has waited that long."""
    seal_bytes: int = 64 << 20
    seal_s: float = 600.0
    """A part is sealed at this size or age."""
    rotate_bytes: int = 64 << 20
    """Size of a journal file."""
    reserve_bytes: int = 16 << 20
    """Space held back for answers in flight when the disk is full; only with a journal."""
