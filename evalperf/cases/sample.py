"""A random sample of the cases, drawn in a first pass over the files."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import aclosing

from evalperf.cases.admission import Refusal
from evalperf.cases.parse import CaseParser
from evalperf.cases.rawrecords import read_raw
from evalperf.cases.rejected import BadRecord, BadRecordError, Rejected
from evalperf.cases.sources import Source
from evalperf.cases.where import parse_where
from evalperf.config.model import CasesConfig
from evalperf.errors import ConfigError

__all__ = ["draw_sample"]


async def draw_sample(
    config: CasesConfig, sources: Sequence[Source], on_reject: Callable[[Rejected], None] | None
) -> frozenset[int]:
    """Numbers of the records that are in the sample: by `seed`, each good one that passes `where` as likely as another.

    Algorithm R (Vitter 1985). Bad lines are refused here, once; memory is the sample's size. Raises ConfigError for
    standard input, which can't be read twice.
    """
    if any(source.path is None for source in sources):
        raise ConfigError("a sample can't be drawn from standard input", hint="save it to a file first, or use limit")
    parser = CaseParser(config.fields, None if config.where is None else parse_where(config.where))
    refusal = Refusal(config, on_reject)
    uniform = random.Random(config.seed).random
    size, passed = config.sample or 0, 0
    sample: list[int] = []
    async with aclosing(read_raw(sources, max_line_bytes=config.max_line_bytes)) as blocks:
        async for block in blocks:
            for at, item in enumerate(block.items):
                try:
                    taken = _is_case(parser, item, block.first_seq + at)
                except BadRecordError as fault:
                    refusal.refuse(block, at, fault)
                    continue
                if not taken:
                    continue
                passed += 1
                if len(sample) < size:
                    sample.append(block.first_seq + at)
                elif (place := int(uniform() * passed)) < size:
                    sample[place] = block.first_seq + at
    return frozenset(sample)


def _is_case(parser: CaseParser, item: bytes | BadRecord, seq: int) -> bool:
    if isinstance(item, BadRecord):
        raise BadRecordError(item.reason, column=item.column, hint=item.hint)
    if not item or item.isspace():
        return False
    return parser.parse(item, seq) is not None
