"""What the protocols have in common: a request that can be answered, and the pieces of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol, TypeVar

import msgspec
import orjson
import xxhash
from msgspec import Struct

__all__ = [
    "EMBEDDING",
    "Answer",
    "Asked",
    "Chunk",
    "Exchange",
    "Refused",
    "Stamp",
    "check_model",
    "content_hash",
    "count_tokens",
    "cut",
    "decode",
    "event",
    "stops",
    "text_of",
]

EMBEDDING = "embedding"
"""The model that makes vectors, and nothing else."""

_TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")

Chunk = tuple[bytes, bool]
"""A piece of a stream, and whether it carries text."""

T = TypeVar("T")


class Refused(Exception):  # noqa: N818 - an answer of the server, not a fault of it
    """A request that gets an error instead of an answer; each vendor has its own form for it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str | None = None,  # noqa: A002 - the protocol's word
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        """`type`, `param` and `code` are OpenAI's words; the usual type of the status where it is None."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code


class Asked(Struct, frozen=True, kw_only=True):
    """A request that can be answered."""

    model: str
    questions: tuple[str, ...]
    """What is to be answered: the last user message, each prompt, or each text to be embedded."""
    conversation: str
    """All that was said, for a model that reads more than the last message."""
    content: int
    """A hash of the model and all messages or prompts, not of the sampling parameters."""
    input_tokens: int
    n: int = 1
    """Answers to each question; 0 where vectors are asked for."""
    stream: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


class Answer(Struct, frozen=True):
    """One choice of a reply."""

    text: str
    finish_reason: Literal["stop", "length", "content_filter"]
    tokens: tuple[str, ...]
    """The text in pieces, as they are counted and streamed."""
    stopped_by: str | None = None
    """The stop sequence that ended it."""


class Stamp(Struct, frozen=True):
    """What marks a reply."""

    id: str
    created: int
    """Unix time."""


class Exchange(Protocol):
    """A request in one of the protocols, and how it is answered there."""

    @property
    def asked(self) -> Asked:
        """What all protocols know of it."""

    def body(self, answers: Sequence[Answer], stamp: Stamp) -> dict[str, Any]:
        """The reply in one piece."""

    def chunks(self, answers: Sequence[Answer], stamp: Stamp) -> Iterator[Chunk]:
        """The reply as server-sent events."""


def decode(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    """The request in a body; raises Refused with 400."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        named = re.search(r"(?:at `\$\.|field `)(\w+)", str(error))
        raise Refused(400, str(error), param=named[1] if named else None) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(400, f"We could not parse the JSON body of your request: {error}") from None


def check_model(model: str, models: Sequence[str]) -> None:
    """Raises Refused with 404 for a model that is not there."""
    if model not in models:
        known = ", ".join(models)
        message = f"The model `{model}` does not exist; there is {known}."
        raise Refused(404, message, param="model", code="model_not_found")


def text_of(content: str | Sequence[dict[str, Any]] | None) -> str:
    """The text of a message, also of one in parts."""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content or ())


def content_hash(model: str, texts: Sequence[str]) -> int:
    """The same for the same texts to the same model, in whichever protocol."""
    return xxhash.xxh3_64_intdigest(orjson.dumps([model, *texts]))


def count_tokens(texts: Sequence[str]) -> int:
    """A token is a word or a mark, with the space before it."""
    return sum(len(_TOKEN.findall(text)) for text in texts)


def stops(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    """Stop sequences as they may be given, without empty ones."""
    return tuple(text for text in ((stop,) if isinstance(stop, str) else tuple(stop or ())) if text)


def cut(text: str, asked: Asked) -> Answer:
    """The text as far as `stop` and `max_tokens` let it come."""
    stopped_by = None
    for stop in asked.stop:
        if stop in text:
            text, stopped_by = text.partition(stop)[0], stop
    tokens = tuple(_TOKEN.findall(text))
    if asked.max_tokens is None or len(tokens) <= asked.max_tokens:
        return Answer(text, "stop", tokens, stopped_by)
    tokens = tokens[: asked.max_tokens]
    return Answer("".join(tokens), "length", tokens)


def event(document: dict[str, Any], *, name: str | None = None) -> bytes:
    """A server-sent event."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + orjson.dumps(document) + b"\n\n"
