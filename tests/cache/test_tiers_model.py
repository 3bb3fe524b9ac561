"""The memory and disk tiers against a plain dictionary with a clock."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from evalperf.cache import MemoryTier, open_sqlite
from evalperf.cache.memory import Strategy

KEYS = [bytes([number]) * 16 for number in range(8)]
keys = st.sampled_from(KEYS)
values = st.binary(max_size=40)
lives = st.one_of(st.none(), st.integers(1, 50))


class MemoryModel(RuleBasedStateMachine):
    """What is in memory, what makes room, and what has expired, as the three strategies say it in words."""

    @initialize(strategy=st.sampled_from(["lru", "ttl", "hybrid"]), max_entries=st.integers(1, 5))
    def begin(self, strategy: Strategy, max_entries: int) -> None:
        self.strategy = strategy
        self.max_entries = max_entries
        self.now_s = 100
        self.model: dict[bytes, tuple[bytes, float]] = {}  # in the order of use, or of writing for "ttl"
        self.tier = MemoryTier(strategy, max_entries=max_entries, max_bytes=10**6, now=lambda: self.now_s)

    @rule(key=keys, value=values, life=lives)
    def put(self, key: bytes, value: bytes, life: int | None) -> None:
        until_s = None if life is None else self.now_s + life
        self.tier.put(key, value, until_s=until_s)
        self.model.pop(key, None)
        self.model[key] = (value, float("inf") if until_s is None or self.strategy == "lru" else until_s)
        while len(self.model) > self.max_entries:
            expired = [k for k, (_, end_s) in self.model.items() if end_s <= self.now_s]
            soonest = min(self.model, key=self._expiry)
            first = soonest if expired or self.strategy == "ttl" else next(iter(self.model))
            del self.model[first]

    def _expiry(self, key: bytes) -> tuple[float, bytes]:
        """Of those that expire together the lesser key comes first; of those that never do, the oldest."""
        end_s = self.model[key][1]
        return end_s, b"" if end_s == float("inf") else key

    @rule(key=keys)
    def get(self, key: bytes) -> None:
        value, end_s = self.model.get(key, (None, 0.0))
        entry = self.tier.get(key)
        if value is None or end_s <= self.now_s:
            assert entry is None
            self.model.pop(key, None)
            return
        assert entry is not None
        assert entry.value == value
        if self.strategy != "ttl":
            self.model[key] = self.model.pop(key)

    @rule(key=keys)
    def remove(self, key: bytes) -> None:
        _, end_s = self.model.pop(key, (None, 0.0))
        assert self.tier.remove(key) == (end_s > self.now_s)

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        self.now_s += seconds

    @rule()
    def sweep(self) -> None:
        expired = [key for key, (_, end_s) in self.model.items() if end_s <= self.now_s]
        assert self.tier.sweep() == len(expired)
        for key in expired:
            del self.model[key]

    @invariant()
    def holds_exactly_what_the_model_holds(self) -> None:
        if hasattr(self, "tier"):
            assert {key: entry.value for key, entry in self.tier._entries.items()} == {
                key: value for key, (value, _) in self.model.items()
            }
            assert len(self.tier) <= self.max_entries


class DiskModel(RuleBasedStateMachine):
    """Also over closing and opening the file again."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100
        self.model: dict[bytes, tuple[bytes, float]] = {}
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.open()

    def open(self) -> None:
        opening = open_sqlite(
            Path(self.folder.name) / "c.sqlite",
            max_bytes=10**8,
            on_damaged="stop",
            warn=self.fail,
            now=lambda: self.now_s,
        )
        self.tier = self.runner.run(self.stack.enter_async_context(opening))

    def fail(self, text: str) -> None:
        raise AssertionError(text)

    def live(self) -> dict[bytes, bytes]:
        return {key: value for key, (value, end_s) in self.model.items() if end_s > self.now_s}

    @rule(items=st.lists(st.tuples(keys, values), max_size=6), life=lives)
    def set_many(self, items: list[tuple[bytes, bytes]], life: int | None) -> None:
        self.runner.run(self.tier.set_many(items, life))
        end_s = float("inf") if life is None else self.now_s + life
        self.model.update((key, (value, end_s)) for key, value in items)

    @rule(wanted=st.lists(keys, max_size=8))
    def get_many(self, wanted: list[bytes]) -> None:
        live = self.live()
        assert self.runner.run(self.tier.get_many(wanted)) == [live.get(key) for key in wanted]

    @rule(unwanted=st.lists(keys, max_size=3, unique=True))
    def delete_many(self, unwanted: list[bytes]) -> None:
        live = self.live()
        assert self.runner.run(self.tier.delete_many(unwanted)) == sum(key in live for key in unwanted)
        for key in unwanted:
            self.model.pop(key, None)

    @rule(seconds=st.integers(1, 100))
    def wait(self, seconds: int) -> None:
        self.now_s += seconds

    @rule()
    def maintain(self) -> None:
        self.runner.run(self.tier.maintain())
        facts = self.runner.run(self.tier.describe())
        assert (facts.entries, facts.expired) == (len(self.live()), 0)

    @rule()
    def open_again(self) -> None:
        self.runner.run(self.stack.aclose())
        self.open()

    @precondition(lambda self: len(self.model) > 2)
    @rule()
    def clear(self) -> None:
        assert self.runner.run(self.tier.clear()) == len(self.live())
        self.model.clear()

    @invariant()
    def every_key_is_as_in_the_model(self) -> None:
        live = self.live()
        assert self.runner.run(self.tier.get_many(KEYS)) == [live.get(key) for key in KEYS]

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()


TestMemoryModel = MemoryModel.TestCase
TestMemoryModel.settings = settings(max_examples=150, deadline=None)
TestDiskModel = DiskModel.TestCase
TestDiskModel.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
