"""The cases of a session, from the input to the pipeline."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from evalperf import cases
from evalperf.cases import Prompt, read_batches
from evalperf.config.load import LoadedConfig
from evalperf.errors import InputError
from evalperf.pipeline.earlier import EarlierAnswers
from evalperf.records import Case
from evalperf.results import Rejected, RejectedLine, Store
from evalperf.scorers import without_targets
from evalperf.sizing import batch_bytes, batch_size

__all__ = ["read_cases"]


async def read_cases(
    loaded: LoadedConfig,
    prompt: Prompt,
    store: Store,
    rejected: Rejected,
    earlier: EarlierAnswers | None,
    *,
    warn: Callable[[str], None],
) -> AsyncGenerator[list[Case], None]:
    """The cases to do; the first ones are held against the prompt before any of them is sent.

    `earlier` hears of each batch before it is evaluated. Raises InputError for a line that stops the run, ConfigError
    for a prompt that no case fits.
    """
    config = loaded.config
    skipped: list[RejectedLine] = []
    reading = read_batches(
        config.cases,
        loaded.base_dir,
        max_cases=batch_size(config),
        max_bytes=batch_bytes(config),
        done=store,
        on_reject=lambda line: skipped.append(_rejected(line)),
    )
    checked = False
    async with aclosing(reading) as batches:
        try:
            async for batch in batches:
                if not checked:
                    prompt.check(batch, given=() if config.precedents is None else ("precedents",))
                    if (warning := without_targets(config, batch)) is not None:
                        warn(warning)
                    checked = True
                if earlier is not None:
                    await earlier.announce(batch)
                yield batch
                await _note(skipped, rejected)
        finally:
            await _note(skipped, rejected)  # also those before an error that ends the reading
    if not checked and not store.recovered.done:
        what = ", ".join(config.cases.path) if isinstance(config.cases.path, list) else config.cases.path
        raise InputError(what, "no case to run", hint='is the file empty, or does "cases.where" hold for no line?')


def _rejected(line: cases.Rejected) -> RejectedLine:
    return RejectedLine(path=str(line.path), line=line.line, column=line.column, reason=line.reason, excerpt=line.raw)


async def _note(skipped: list[RejectedLine], rejected: Rejected) -> None:
    if skipped:
        await rejected.append(skipped)
        skipped.clear()
