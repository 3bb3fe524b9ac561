from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evalperf.cache import Hit, Provenance, Selection, open_sync_cache
from evalperf.config.cache import TieredCacheConfig
from evalperf.errors import ConfigError

KEY = b"k" * 16
CONFIG = TieredCacheConfig()


def test_it_does_without_a_loop_what_the_other_does_with_one(tmp_path: Path) -> None:
    with open_sync_cache(CONFIG, "responses", tmp_path) as cache:
        assert cache.get(KEY) is None
        assert cache.get_or_call(KEY, lambda: b"answer") == (b"answer", None)
        assert cache.get_or_call(KEY, lambda: b"another") == (b"answer", "memory")
        cache.set(b"j" * 16, b"other", Provenance("case-1"))
        cache.set_many([(b"i" * 16, b"more", Provenance())])
        cache.flush()
        assert cache.statistics().writes == 3
    with open_sync_cache(CONFIG, "responses", tmp_path) as cache:
        assert cache.get_many([KEY, b"j" * 16]) == [Hit(b"answer", "disk"), Hit(b"other", "disk")]
        assert cache.invalidate(Selection(id="case-1")) == 1
        assert cache.delete_many([KEY]) == 1
        assert cache.clear() == 1


def test_threads_that_want_the_same_share_one_call(tmp_path: Path) -> None:
    calls = []
    go = threading.Event()

    def call() -> bytes:
        calls.append(1)
        go.wait()
        return b"answer"

    with open_sync_cache(CONFIG, "responses", tmp_path) as cache, ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(cache.get_or_call, KEY, call) for _ in range(4)]
        while len(cache._cache._coalescer) == 0 or cache._cache._coalescer._flights[KEY].waiters < 4:
            pass
        go.set()
        found = [future.result() for future in futures]
    assert sorted(str(where) for _, where in found) == ["None", "coalesced", "coalesced", "coalesced"]
    assert len(calls) == 1


def test_what_can_not_be_opened_is_told_to_who_opens_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError), open_sync_cache(CONFIG, "responses", tmp_path / "file"):
        pass


def test_no_thread_is_left(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with open_sync_cache(CONFIG, "responses", tmp_path) as cache:
        cache.set(KEY, b"answer")
    assert set(threading.enumerate()) <= before
