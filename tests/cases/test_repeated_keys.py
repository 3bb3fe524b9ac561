"""Keys that a record names twice, found by who looks for them."""

from __future__ import annotations

from pathlib import Path

from evalperf.cases import RepeatedKeys, find_repeated_keys
from evalperf.config.model import CasesConfig

TWICE = b'{"input": "a", "n": {"b": 1, "c": 2, "b": 3}}\n'


async def found(path: Path, content: bytes, *, most_records: int = 100) -> RepeatedKeys | None:
    path.write_bytes(content)
    return await find_repeated_keys(CasesConfig(path=path.name), path.parent, most_records=most_records)


async def test_records_with_a_key_twice_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    """At any depth; keys of two objects are not the same."""
    path = tmp_path / "c.jsonl"
    once = b'{"input": "a", "n": [{"b": 1}, {"b": 1}]}\n'
    assert await found(path, once) is None
    assert await found(path, once + TWICE + TWICE) == RepeatedKeys(2, str(path), 2, "b")


async def test_an_array_is_looked_at_as_lines_are(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    assert await found(path, b"[" + TWICE.strip() + b"]") == RepeatedKeys(1, str(path), 1, "b")


async def test_only_the_first_records_are_looked_at(tmp_path: Path) -> None:
    assert await found(tmp_path / "c.jsonl", b"{}\n" * 3 + TWICE, most_records=3) is None


async def test_lines_that_are_no_json_are_left_to_reading(tmp_path: Path) -> None:
    assert await found(tmp_path / "c.jsonl", b"\n{broken\n" + b"[" * 100_000 + b"\n\xff\n") is None
