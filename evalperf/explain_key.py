"""Why a case's answer is, or is not, found in the cache: the parts of its key, and where two keys part ways."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

from msgspec import Struct

from evalperf.cases import PromptError, build_prompt, read_batches
from evalperf.config.load import LoadedConfig
from evalperf.errors import InputError
from evalperf.pipeline.response_keys import ResponseKeys
from evalperf.records import Case, Request
from evalperf.sizing import BATCH_BYTES, batch_size

__all__ = ["KeyDifference", "KeyExplanation", "explain_key", "key_differences"]

ABSENT = "(absent)"


class KeyExplanation(Struct, frozen=True, kw_only=True):
    """A key and what it was made of."""

    case_id: str
    key: str | None
    """In hexadecimal; None where answers are sampled and the cache is bypassed for them."""
    key_hash: str
    parts: dict[str, Any]
    """The provider's deciding settings, the messages, and the epoch (None where nothing is drawn at random)."""


class KeyDifference(Struct, frozen=True, kw_only=True):
    """A part in which two keys differ."""

    part: str
    """Where it stands, with dots: params.temperature, messages.0.content."""
    here: Any
    there: Any


async def explain_key(loaded: LoadedConfig, case_id: str, *, epoch: int = 1) -> KeyExplanation:
    """Reads the input up to the case and renders its prompt; raises InputError where one is missing."""
    config = loaded.config
    keys = ResponseKeys(config.provider, config.cache)
    prompt = build_prompt(config.prompt, loaded.base_dir, fields=config.cases.fields)
    case = await _find(loaded, case_id, epoch)
    try:
        request = Request(case=case, messages=prompt.render(case))
    except PromptError as error:
        raise InputError(_place(loaded), f'no prompt for the case "{case_id}": {error}') from error
    key = keys(request)
    return KeyExplanation(
        case_id=case.id,
        key=None if key is None else key.hex(),
        key_hash=config.cache.key_hash,
        parts={**keys.static_parts, "messages": list(request.messages), "epoch": keys.epoch(request)},
    )


def key_differences(here: KeyExplanation, there: KeyExplanation) -> list[KeyDifference]:
    """The parts that differ, in the order of their names; none for the same key."""
    found = list(_differences("", here.parts, there.parts))
    if here.key_hash != there.key_hash:
        found.append(KeyDifference(part="key_hash", here=here.key_hash, there=there.key_hash))
    return found


def _differences(part: str, here: Any, there: Any) -> Iterator[KeyDifference]:
    if isinstance(here, dict) and isinstance(there, dict):
        names = sorted({*here, *there})
        pairs = [(name, here.get(name, ABSENT), there.get(name, ABSENT)) for name in names]
    elif isinstance(here, list) and isinstance(there, list):
        padded = [
            (at, here[at] if at < len(here) else ABSENT, there[at] if at < len(there) else ABSENT)
            for at in range(max(len(here), len(there)))
        ]
        pairs = [(str(at), one, other) for at, one, other in padded]
    else:
        if here != there:
            yield KeyDifference(part=part, here=here, there=there)
        return
    for name, one, other in pairs:
        yield from _differences(f"{part}.{name}" if part else name, one, other)


async def _find(loaded: LoadedConfig, case_id: str, epoch: int) -> Case:
    config = loaded.config
    reading = read_batches(config.cases, loaded.base_dir, max_cases=batch_size(config), max_bytes=BATCH_BYTES)
    async with aclosing(reading) as batches:
        async for batch in batches:
            for case in batch:
                if case.id == case_id and case.epoch == epoch:
                    return case
    raise InputError(
        _place(loaded), f'no case with the id "{case_id}" in epoch {epoch}', hint="ids stand in the result lines"
    )


def _place(loaded: LoadedConfig) -> str:
    path = loaded.config.cases.path
    return path if isinstance(path, str) else ", ".join(path)
