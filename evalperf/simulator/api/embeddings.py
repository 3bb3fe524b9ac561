"""OpenAI's `/embeddings`, the server's side of it; the vectors are real, if simple."""

from __future__ import annotations

import math
import re
import sys
from array import array
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
import xxhash
from msgspec import Meta, Struct

from evalperf.simulator.api.asked import (
    EMBEDDING,
    Answer,
    Asked,
    Chunk,
    Refused,
    Stamp,
    check_model,
    content_hash,
    count_tokens,
    decode,
)

__all__ = ["Embeddings", "embed", "parse_embeddings"]

_DIMENSIONS = 256
_WORD = re.compile(r"\w+")


class _Request(Struct, kw_only=True):
    model: str
    input: str | list[str]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=4096)] | None = None


_decoder = msgspec.json.Decoder(_Request)


def parse_embeddings(data: bytes, _models: Sequence[str]) -> Embeddings:
    """A request to `/embeddings`, for which there is one model; raises Refused with 400 or 404."""
    request = decode(_decoder, data)
    check_model(request.model, (EMBEDDING,))
    texts = [request.input] if isinstance(request.input, str) else request.input
    if not texts or not all(texts):
        raise Refused(400, "input: neither the list nor a text may be empty", param="input")
    asked = Asked(
        model=request.model,
        questions=tuple(texts),
        conversation="",
        content=content_hash(request.model, texts),
        input_tokens=count_tokens(texts),
        n=0,
    )
    dimensions = _DIMENSIONS if request.dimensions is None else request.dimensions
    return Embeddings(asked=asked, base64=request.encoding_format == "base64", dimensions=dimensions)


class Embeddings(Struct, frozen=True, kw_only=True):
    """A request for vectors."""

    asked: Asked
    base64: bool
    dimensions: int

    def body(self, answers: Sequence[Answer], stamp: Stamp) -> dict[str, Any]:  # noqa: ARG002 - there are no answers
        """The vectors, in the order of the texts."""
        vectors = [embed(text, self.dimensions) for text in self.asked.questions]
        data = [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if self.base64 else vector}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": self.asked.input_tokens, "total_tokens": self.asked.input_tokens}
        return {"object": "list", "data": data, "model": self.asked.model, "usage": usage}

    def chunks(self, answers: Sequence[Answer], stamp: Stamp) -> Iterator[Chunk]:
        """Never asked for: a request for vectors has no `stream`."""
        raise NotImplementedError


def embed(text: str, dimensions: int) -> list[float]:
    """A bag of words by feature hashing, of length 1: texts that share words are near each other.

    Each word adds 1 or -1 at a place that its hash says (Weinberger et al. 2009).
    """
    vector = [0.0] * dimensions
    for word in _WORD.findall(text.casefold()) or [text]:
        digest = _hash(word)
        vector[(digest >> 1) % dimensions] += 1.0 if digest & 1 else -1.0
    norm = math.hypot(*vector)
    if norm == 0:  # words that cancel each other out
        vector[_hash(text) % dimensions], norm = 1.0, 1.0
    return [number / norm for number in vector]


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def _packed(vector: Sequence[float]) -> str:
    """Little-endian floats of 32 bits, as the protocol has them."""
    packed = array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return b64encode(packed.tobytes()).decode()
