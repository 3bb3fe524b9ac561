"""Precedents: the most similar of earlier cases, with their answers and scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from evalperf.cache.semantic import Embed
from evalperf.cache.vectors import Neighbour, VectorIndex
from evalperf.cache.vectors_thread import IndexThread
from evalperf.config.semantic import PrecedentsConfig

__all__ = ["Precedent", "Precedents", "question_text"]

AT_ONCE: Final = 256
"""Cases that are embedded and added together while precedents are gathered."""

ONE_GROUP: Final = b"precedents"


class Precedent(Struct, frozen=True, kw_only=True):
    """An earlier case as templates and judges see it."""

    id: str
    input: str
    """The question as one text."""
    output: str
    target: Any
    scores: dict[str, float | None]
    """Values by scorer; None where it was not scored."""
    overall_score: float | None
    similarity: float
    """The cosine, −1 to 1."""


class Precedents:
    """Earlier cases, searched by the likeness of their questions; made by `gather`, closed by `close`.

    Of several rows of one case (epochs) the last one stands. A case is never its own precedent: that would hand it its
    own answer. The same question under another id is one, though, and then the most similar.
    """

    def __init__(self, config: PrecedentsConfig, embed: Embed) -> None:
        self._k = config.k
        self._threshold = config.threshold
        self._embed = embed
        max_bytes = int(config.memory_mb * 1e6)
        self._index = IndexThread(VectorIndex(max_entries=config.max_entries, max_bytes=max_bytes, eviction="oldest"))
        self._rows: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._rows)

    async def gather(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Takes result lines; those without an answer or a question are no precedents and are left out.

        Raises ProviderError where there are no vectors for them.
        """
        waiting: dict[str, Precedent] = {}
        for row in rows:
            if (precedent := _precedent(row)) is not None:
                waiting[precedent.id] = precedent
            if len(waiting) >= AT_ONCE:
                await self._add(list(waiting.values()))
                waiting = {}
        await self._add(list(waiting.values()))

    async def find_many(self, cases: Sequence[tuple[str, str]]) -> list[list[Precedent]]:
        """For each (id, question) the most similar earlier cases, the most similar first: one embedding, one search.

        Raises ProviderError where there are no vectors for them.
        """
        if not cases:
            return []
        vectors = await self._embed([question for _, question in cases])
        found = await self._index.search_many(ONE_GROUP, vectors, self._k + 1, self._threshold)
        return [
            [self._at(one) for one in near if one.key != _key(case_id)][: self._k]
            for (case_id, _), near in zip(cases, found, strict=True)
        ]

    def close(self) -> None:
        """Ends the thread of the searches."""
        self._index.close()

    async def _add(self, precedents: Sequence[Precedent]) -> None:
        if not precedents:
            return
        vectors = await self._embed([precedent.input for precedent in precedents])
        keys = [_key(precedent.id) for precedent in precedents]
        rows = [msgspec.msgpack.encode(precedent) for precedent in precedents]
        gone = await self._index.add_many(
            ONE_GROUP, list(zip(keys, vectors, strict=True)), extra_bytes=[len(row) for row in rows]
        )
        self._rows.update(zip(keys, rows, strict=True))
        for key in gone:
            self._rows.pop(key, None)

    def _at(self, neighbour: Neighbour) -> Precedent:
        precedent = msgspec.msgpack.decode(self._rows[neighbour.key], type=Precedent)
        return structs.replace(precedent, similarity=neighbour.similarity)


def _key(case_id: str) -> bytes:
    return case_id.encode("utf-8", "surrogatepass")


def question_text(asked: str | Sequence[Mapping[str, Any]]) -> str:
    """A case's input as one text: the contents of its messages, a blank line between; what is no text is left out."""
    if isinstance(asked, str):
        return asked
    return "\n\n".join(text for message in asked if (text := _content_text(message.get("content"))))


def _content_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))


def _precedent(row: Mapping[str, Any]) -> Precedent | None:
    asked, output = row.get("input"), row.get("output")
    question = question_text(asked) if isinstance(asked, str | list | tuple) else ""
    if not question or not isinstance(output, str) or row.get("status", "ok") != "ok":
        return None
    scores = {name: score.get("value") for name, score in (row.get("scores") or {}).items()}
    return Precedent(
        id=str(row.get("id", question)),
        input=question,
        output=output,
        target=row.get("target"),
        scores=scores,
        overall_score=row.get("overall_score"),
        similarity=0.0,
    )
