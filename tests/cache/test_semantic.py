"""The semantic cache: near enough, of the same group, and never wrong in silence."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import pytest
from pydantic import TypeAdapter, ValidationError

from evalperf.cache.semantic import SemanticCache, SemanticHit
from evalperf.cache.vectors_kept import CHUNK, KeptVector, KeptVectors
from evalperf.config.semantic import SemanticCacheConfig
from evalperf.errors import ProviderError

G = b"model m, temperature 0"
ANGLES = {"cat": 0.0, "a cat": 5.0, "kitten": 30.0, "car": 90.0}
"""Degrees: the cosine of two texts is that of the angle between them."""


class Angles:
    """An embedder of known angles; fails on demand."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.failing = False

    async def __call__(self, texts: Sequence[str]) -> list[Sequence[float]]:
        self.asked.append(list(texts))
        if self.failing:
            raise ProviderError("server_error", "ill", status=500)
        await asyncio.sleep(0)
        return [(math.cos(math.radians(ANGLES[t])), math.sin(math.radians(ANGLES[t]))) for t in texts]


class Dictionary:
    """A place for bytes."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        await asyncio.sleep(0)
        return [self.kept.get(key) for key in keys]

    async def set_many(self, items: Sequence[tuple[bytes, bytes]], ttl_s: float | None) -> None:
        await asyncio.sleep(0)
        self.kept.update(items)

    async def delete_many(self, keys: Sequence[bytes]) -> int:
        return sum(self.kept.pop(key, None) is not None for key in keys)

    async def clear(self) -> int:
        self.kept.clear()
        return 0


def config(**fields: object) -> SemanticCacheConfig:
    embedder = {"type": "function", "call": "m:f"}
    return TypeAdapter(SemanticCacheConfig).validate_python({"embedder": embedder, "threshold": 0.95, **fields})


def cache(embed: Angles | None = None, backend: Dictionary | None = None, **fields: object) -> SemanticCache:
    return SemanticCache(config(**fields), embed or Angles(), identity="angles", backend=backend)


async def test_a_near_prompt_has_the_answer_of_the_earlier_one() -> None:
    async with cache() as semantic:
        await semantic.remember_many([("cat", b"K")], G)
        (hit, miss) = await semantic.lookup_many(["a cat", "kitten"], G)
    assert hit == SemanticHit(b"K", pytest.approx(math.cos(math.radians(5))))
    assert miss is None
    assert (semantic.statistics.hits, semantic.statistics.misses) == (1, 1)


async def test_other_parameters_never_hit() -> None:
    async with cache() as semantic:
        await semantic.remember_many([("cat", b"K")], G)
        assert await semantic.lookup_many(["cat"], b"model m, temperature 1") == [None]


async def test_the_threshold_is_inclusive() -> None:
    async with cache(threshold=1.0) as semantic:
        await semantic.remember_many([("cat", b"K")], G)
        assert await semantic.lookup_many(["cat", "a cat"], G) == [SemanticHit(b"K", 1.0), None]


async def test_of_two_equally_near_the_oldest_wins() -> None:
    async with cache() as semantic:
        await semantic.remember_many([("cat", b"old"), ("cat", b"new")], G)
        (hit,) = await semantic.lookup_many(["a cat"], G)
    assert hit is not None
    assert hit.key == b"old"


async def test_many_texts_are_one_embedding() -> None:
    embed = Angles()
    async with cache(embed) as semantic:
        await semantic.lookup_many(["cat", "car", "cat", "kitten"], G)
    assert embed.asked == [["cat", "car", "kitten"]]


async def test_what_was_looked_up_is_not_embedded_again_to_be_remembered() -> None:
    embed = Angles()
    async with cache(embed) as semantic:
        await semantic.lookup_many(["cat", "car"], G)
        await semantic.remember_many([("cat", b"1"), ("car", b"2")], G)
        assert embed.asked == [["cat", "car"]]
        await semantic.lookup_many(["a cat"], G)
    assert embed.asked == [["cat", "car"], ["a cat"]]


async def test_the_nearest_of_all_are_retrieved_however_far() -> None:
    async with cache() as semantic:
        await semantic.remember_many([("cat", b"cat"), ("car", b"car"), ("kitten", b"kitten")], G)
        found = await semantic.retrieve_batch(["a cat", "car"], G, 2)
    assert [[hit.key for hit in near] for near in found] == [[b"cat", b"kitten"], [b"car", b"kitten"]]


async def test_an_embedder_that_fails_makes_counted_misses_and_one_warning() -> None:
    embed, told = Angles(), list[str]()
    async with SemanticCache(config(), embed, identity="angles", warn=told.append) as semantic:
        embed.failing = True
        assert await semantic.lookup_many(["cat", "car"], G) == [None, None]
        await semantic.remember_many([("cat", b"K")], G)
        embed.failing = False
        assert await semantic.lookup_many(["cat"], G) == [None]
    assert semantic.statistics.failures == 3
    assert semantic.statistics.misses == 3
    assert told == ["semantic cache: no vectors, so the model is asked: ill"]


async def test_it_is_bounded() -> None:
    async with cache(max_entries=2) as semantic:
        await semantic.remember_many([("cat", b"cat"), ("car", b"car"), ("kitten", b"kitten")], G)
        assert await semantic.lookup_many(["cat"], G) == [None]


async def test_nothing_asked_is_nothing_embedded() -> None:
    embed = Angles()
    async with cache(embed) as semantic:
        assert await semantic.lookup_many([], G) == []
        await semantic.remember_many([], G)
    assert embed.asked == []


async def test_vectors_outlive_the_process() -> None:
    backend = Dictionary()
    async with cache(backend=backend) as semantic:
        await semantic.remember_many([("cat", b"K")], G)
    async with cache(backend=backend) as semantic:
        (hit,) = await semantic.lookup_many(["a cat"], G)
        assert hit is not None
        assert hit.key == b"K"
        assert await semantic.lookup_many(["cat"], b"other") == [None]


async def test_vectors_of_another_embedder_are_never_compared() -> None:
    backend = Dictionary()
    async with cache(backend=backend) as semantic:
        await semantic.remember_many([("cat", b"K")], G)
    async with SemanticCache(config(), Angles(), identity="other", backend=backend) as semantic:
        assert await semantic.lookup_many(["cat"], G) == [None]


def test_a_threshold_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError):
        config(threshold=0)


def kept(backend: Dictionary, most: int = 1000) -> KeptVectors:
    return KeptVectors(backend, "angles", most=most)


def numbered(first: int, last: int) -> list[KeptVector]:
    return [KeptVector(G, b"%d" % n, (float(n), 1.0)) for n in range(first, last)]


async def stored(backend: Dictionary, most: int = 1000) -> list[bytes]:
    return [key for key, _ in (await kept(backend, most).load()).get(G, [])]


async def test_a_second_session_goes_on_where_the_first_has_ended() -> None:
    backend = Dictionary()
    for first in range(0, 900, 300):
        vectors = kept(backend)
        await vectors.load()
        await vectors.add(numbered(first, first + 300))
        await vectors.flush()
    assert await stored(backend) == [b"%d" % n for n in range(900)]
    assert len(backend.kept) == -(-900 // CHUNK) + 1


async def test_a_process_that_is_killed_loses_few() -> None:
    backend = Dictionary()
    vectors = kept(backend)
    for n in range(100):
        await vectors.add(numbered(n, n + 1))
    assert len(await stored(backend)) >= 100 - 32


async def test_old_chunks_make_room() -> None:
    backend = Dictionary()
    vectors = kept(backend, most=CHUNK)
    for first in range(0, 10 * CHUNK, 100):
        await vectors.add(numbered(first, first + 100))
    found = await stored(backend, most=CHUNK)
    assert found[-1] == b"%d" % (10 * CHUNK - 1 + (-10 * CHUNK) % 100)
    assert CHUNK <= len(found) <= 2 * CHUNK
    assert len(backend.kept) <= 3 + 1


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\xff" * 40])
async def test_a_damaged_chunk_is_left_out_and_the_others_are_read(damage: bytes) -> None:
    backend = Dictionary()
    vectors = kept(backend)
    await vectors.add(numbered(0, 2 * CHUNK + 10))
    first = next(key for key, raw in backend.kept.items() if len(raw) > 1000)
    backend.kept[first] = damage
    again = kept(backend)
    found = (await again.load())[G]
    assert (len(found), again.unread) == (CHUNK + 10, 1)


class SlowAtFirst(Dictionary):
    """Its first write takes longer than the next ones."""

    turns = 20

    async def set_many(self, items: Sequence[tuple[bytes, bytes]], ttl_s: float | None) -> None:
        turns, self.turns = self.turns, 0
        for _ in range(turns):
            await asyncio.sleep(0)
        await super().set_many(items, ttl_s)


async def test_an_older_state_of_a_chunk_does_not_overtake_a_newer_one() -> None:
    backend = SlowAtFirst()
    vectors = kept(backend)
    await asyncio.gather(*(vectors.add(numbered(n, n + 40)) for n in range(0, 200, 40)))
    assert await stored(backend) == [b"%d" % n for n in range(200)]
