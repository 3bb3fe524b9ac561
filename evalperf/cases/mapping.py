"""Whether the fields that `cases.fields` names exist: a typing error must not become a run without targets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from evalperf.cases.parse import decode_object
from evalperf.cases.rawrecords import read_raw
from evalperf.cases.rejected import BadRecordError
from evalperf.cases.sources import Source
from evalperf.config.fields import lookup, suggestion
from evalperf.config.model import CasesConfig
from evalperf.errors import ConfigError

__all__ = ["check_mapping"]


async def check_mapping(config: CasesConfig, sources: Sequence[Source]) -> None:
    """Raises ConfigError for a mapped name that not one record has; reads on until each was met, mostly one line.

    Standard input is not checked: it can be read only once.
    """
    missing = dict(config.fields)
    if not missing or any(source.path is None for source in sources):
        return
    known: set[str] = set()
    records = 0
    async with aclosing(read_raw(sources, max_line_bytes=config.max_line_bytes)) as blocks:
        async for block in blocks:
            for item in block.items:
                try:
                    record = decode_object(item) if isinstance(item, bytes) else {}
                except BadRecordError:
                    continue  # told where the cases are read
                records += 1
                known.update(record)
                missing = {role: name for role, name in missing.items() if lookup(record, name) is None}
                if not missing:
                    return
    if records:
        role, name = next(iter(missing.items()))
        raise ConfigError(
            f'cases.fields.{role}: no line has a field "{name}" with a value', hint=suggestion(name, known)
        )
