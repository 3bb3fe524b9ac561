"""Finished runs, and the sealed parts of those that go on, are ordinary files for every other reader."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalperf.results import RunDirectory, open_store
from tests.results.helpers import ignore, make_result, make_run, options

SEALED = 560
ROWS = 600


def with_zcat(directory: RunDirectory) -> list[dict[str, Any]]:
    parts = sorted(directory.results.glob("part-*.jsonl.gz"))
    done = subprocess.run(["zcat", *parts], capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def with_gzip(directory: RunDirectory) -> list[dict[str, Any]]:
    rows = []
    for part in sorted(directory.results.glob("part-*.jsonl.gz")):
        with gzip.open(part, "rt", encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines]
    return rows


def with_pandas(directory: RunDirectory) -> list[dict[str, Any]]:
    pandas = pytest.importorskip("pandas")
    parts = sorted(directory.results.glob("part-*.jsonl.gz"))
    frames = [pandas.read_json(part, lines=True, dtype=False) for part in parts]
    return list(pandas.concat(frames)[["seq", "id", "output"]].to_dict("records"))


def with_duckdb(directory: RunDirectory) -> list[dict[str, Any]]:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as database:
        found = database.execute(
            f"SELECT seq, id, output FROM read_json('{directory.results}/part-*.jsonl.gz', format='newline_delimited')"
        )
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("finish", [True, False], ids=["finished", "going on"])
@pytest.mark.parametrize("read", [with_zcat, with_gzip, with_pandas, with_duckdb], ids=lambda one: one.__name__)
async def test_sealed_parts_are_read_by(
    read: Callable[[RunDirectory], list[dict[str, Any]]], finish: bool, tmp_path: Path
) -> None:
    """Of several members and parts; the part that still grows is hidden from the pattern."""
    directory, info = make_run(tmp_path, lines=ROWS)
    for seqs, seal_bytes in ((range(1, SEALED + 1), 3_000), (range(SEALED + 1, ROWS + 1), 1 << 20)):
        chosen = options(seal_bytes=seal_bytes, flush_results=64, queue_size=64)
        async with open_store(directory, info, chosen, ignore) as store:
            for seq in seqs:
                await store.put(make_result(seq, output=f'"quoted", é and\nlines {seq}'))
            if finish and seqs[-1] == ROWS:
                await store.finish()
    rows = read(directory)
    assert len(list(directory.results.glob("part-*"))) > 1
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(row["output"] == f'"quoted", é and\nlines {row["seq"]}' for row in rows)
    assert len(rows) == ROWS if finish else 0 < len(rows) < ROWS
