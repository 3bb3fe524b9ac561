"""Cases in batches, bounded by number and by bytes: a batch is how much is parsed at once, never a barrier."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, closing
from pathlib import Path

from evalperf.cases.admission import Admission, Done
from evalperf.cases.mapping import check_mapping
from evalperf.cases.rawrecords import read_raw
from evalperf.cases.rejected import Rejected
from evalperf.cases.sample import draw_sample
from evalperf.cases.sources import find_sources
from evalperf.config.model import CasesConfig
from evalperf.errors import InputError
from evalperf.records import Case

__all__ = ["read_batches"]


async def read_batches(
    config: CasesConfig,
    base_dir: Path,
    *,
    max_cases: int,
    max_bytes: int,
    done: Done | None = None,
    on_reject: Callable[[Rejected], None] | None = None,
) -> AsyncGenerator[list[Case], None]:
    """The cases that the configuration takes, each `epochs` times, without those that are `done`.

    A batch has at most `max_cases` cases and at most `max_bytes` of input, but for a larger case that goes alone.
    Whatever is wrong with the input is raised as InputError after the good cases before it, or given to `on_reject`
    where the configuration says so; ConfigError for a mapped field that no line has. Cases that are done count for
    `limit`, `sample` and duplicates as if they were new, but cost no more than the reading of their ids.
    """
    sources = find_sources(config, base_dir)
    await check_mapping(config, sources)
    chosen = None if config.sample is None else await draw_sample(config, sources, on_reject)
    with closing(Admission(config, chosen=chosen, done=done, on_reject=on_reject)) as admission:
        async with aclosing(read_raw(sources, max_line_bytes=config.max_line_bytes)) as blocks:
            async for block in blocks:
                for batch in _grouped(admission.admit(block), max_cases, max_bytes):
                    yield batch
                if admission.full:
                    return


def _grouped(cases: Iterator[tuple[Case, int]], max_cases: int, max_bytes: int) -> Iterator[list[Case]]:
    """The cases (each with its size) in batches; one cut short by an error comes before the error."""
    batch: list[Case] = []
    size_bytes = 0
    try:
        for case, case_bytes in cases:
            if batch and (len(batch) >= max_cases or size_bytes + case_bytes > max_bytes):
                yield batch
                batch, size_bytes = [], 0
            batch.append(case)
            size_bytes += case_bytes
    except InputError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
