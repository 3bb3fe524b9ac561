"""The table of official numbers in docs/scorers.md, written from what the scorers say.

    python -m tests.scorers.official           writes it anew, all but the slow rows
    python -m tests.scorers.official --slow    all of it: 3,280 programs of HumanEval take minutes

The official side is read from `expected_numbers.json` of each folder; ours comes out of the public scorers.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from tests.scorers import official_rows as rows
from tests.scorers.official_numbers import ROOT, Row

DOCUMENT = ROOT / "docs" / "scorers.md"
BEGIN, END = "<!-- official numbers: begin -->", "<!-- official numbers: end -->"

QUICK: tuple[Callable[[], AsyncIterator[Row]], ...] = (
    rows.gsm8k, rows.bbh, rows.mmlu_pro, rows.triviaqa, rows.xsum, rows.rouge155, rows.sacrebleu_cases,
    rows.levenshtein, rows.ifeval, rows.json_schema, rows.json_parsing, rows.other_tools, rows.needle, rows.humaneval,
    rows.llmbar,
)  # fmt: skip
SLOW: tuple[Callable[[], AsyncIterator[Row]], ...] = (rows.humaneval_samples,)
SLOW_DATA = "HumanEval, CodeGen-16B, 3,280"


async def computed(parts: Iterable[Callable[[], AsyncIterator[Row]]]) -> list[Row]:
    """All rows of these data sets."""
    return [row for part in parts async for row in part()]


def written() -> list[str]:
    """The rows that the document has."""
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    return [line for line in table.splitlines() if line.startswith("|")][2:]


def write(lines: Iterator[str]) -> None:
    """Puts the table into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    head, tail = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    table = "\n".join(["", "", "| data | scorer | number | official | ours |", "|---|---|---|---|---|", *lines, "", ""])
    DOCUMENT.write_text(head + table + tail, encoding="utf-8")


def main() -> None:
    """Computes the table and writes it; complains about each number that differs."""
    slow = "--slow" in sys.argv
    found = asyncio.run(computed([*QUICK, *(SLOW if slow else ())]))
    kept = [] if slow else [line for line in written() if line.startswith(f"| {SLOW_DATA} |")]
    write(iter([*(row.cells() for row in found), *kept]))
    for row in found:
        if not row.agrees:
            print("differs:", row.cells())


if __name__ == "__main__":
    main()
