"""The cases of a run, counted, and a random sample of their prompts: one pass, in memory that does not grow."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from contextlib import aclosing

from msgspec import Struct
from msgspec.structs import replace

from evalperf.cases import Prompt, PromptError, read_batches
from evalperf.config.load import LoadedConfig
from evalperf.config.model import CasesConfig
from evalperf.errors import InputError
from evalperf.records import Case, Message, Request
from evalperf.sizing import BATCH_BYTES, batch_size

__all__ = ["Population", "Sampled", "read_population"]

KeyOf = Callable[[Request], bytes | None]


class Sampled(Struct, frozen=True, kw_only=True):
    """What one case will ask, in all its epochs together."""

    text_bytes: int
    """Of the texts of one request, in UTF-8."""
    messages: int
    keys: tuple[bytes | None, ...]
    """Of the requests that may be sent, in the cache of answers; None for one that is never kept."""
    opaque: bool
    """Whether there is more in it than text, as a picture: nobody knows here how many tokens that is."""


class Population(Struct, frozen=True, kw_only=True):
    """All cases, and some of them."""

    cases: int
    sample: list[Sampled]
    """A simple random sample, by the configuration's seed: all cases where there are no more than were asked for."""
    paired: dict[int, Sampled]
    """Those of the wanted numbers that are among the cases."""
    first_prompt: str
    """The last message of the first case, as it would be sent."""


async def read_population(
    loaded: LoadedConfig, prompt: Prompt, key_of: KeyOf | None, *, size: int, wanted: Collection[int] = ()
) -> Population:
    """Reads the cases exactly as the run would, and raises what it would: bad lines, double ids, missing fields.

    Algorithm R (Vitter 1985). Costs about 6 µs a case, and 20 µs for each that enters the sample.
    """
    config = loaded.config
    epochs, once = config.cases.epochs, config.cases.model_copy(update={"epochs": 1})
    uniform = random.Random(config.cases.seed).random
    cases, sample, paired = 0, list[Sampled](), dict[int, Sampled]()
    first: Case | None = None
    reading = read_batches(once, loaded.base_dir, max_cases=batch_size(config), max_bytes=BATCH_BYTES)
    async with aclosing(reading) as batches:
        async for batch in batches:
            if first is None:
                first = batch[0]
                prompt.check(batch)
            for case in batch:
                cases += 1
                place = len(sample) if cases <= size else int(uniform() * cases)
                if place < size or case.seq in wanted:
                    sampled = _sampled(case, prompt, key_of, epochs)
                    if case.seq in wanted:
                        paired[case.seq] = sampled
                    if place < size:
                        sample[place : place + 1] = [sampled]
    if first is None:
        raise InputError(_named(config.cases), "no case to run")
    return Population(cases=cases, sample=sample, paired=paired, first_prompt=_first_prompt(prompt, first))


def _sampled(case: Case, prompt: Prompt, key_of: KeyOf | None, epochs: int) -> Sampled:
    try:
        messages = prompt.render(case)
    except PromptError:  # the run fails such a case without asking
        return Sampled(text_bytes=0, messages=0, keys=(), opaque=False)
    sizes = [_text_bytes(message.get("content")) for message in messages]
    return Sampled(
        text_bytes=sum(size for size, _ in sizes),
        messages=len(messages),
        keys=_keys(case, messages, prompt, key_of, epochs),
        opaque=not all(only_text for _, only_text in sizes),
    )


def _keys(
    case: Case, messages: tuple[Message, ...], prompt: Prompt, key_of: KeyOf | None, epochs: int
) -> tuple[bytes | None, ...]:
    """One for each request: epochs whose answers are the same by all that is known share one."""
    if key_of is None:
        return (None,) * epochs
    keys: dict[bytes, None] = {}
    for epoch in range(1, epochs + 1):
        repeated = case if epoch == 1 else replace(case, epoch=epoch)
        key = key_of(Request(case=repeated, messages=messages if epoch == 1 else prompt.render(repeated)))
        if key is None:
            return (None,) * epochs
        keys[key] = None
        if epoch == 2 and len(keys) == 1:
            break  # the epoch decides nothing
    return tuple(keys)


def _text_bytes(content: object) -> tuple[int, bool]:
    """The bytes of all texts, and whether there is nothing else."""
    if isinstance(content, str):
        return len(content.encode("utf-8", "surrogatepass")), True
    if not isinstance(content, list):
        return 0, content is None
    texts = [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts), len(texts) == len(content)


def _first_prompt(prompt: Prompt, case: Case) -> str:
    try:
        return str(prompt.render(case)[-1].get("content"))
    except PromptError as error:
        return f"(none: {error})"


def _named(cases: CasesConfig) -> str:
    return cases.path if isinstance(cases.path, str) else ", ".join(cases.path)
