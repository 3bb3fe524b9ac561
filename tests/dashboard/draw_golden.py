"""Draws the golden pictures anew, to be looked at before they are committed: python -m tests.dashboard.draw_golden."""

from __future__ import annotations

from pathlib import Path

from evalperf.dashboard.draw import ASCII, UNICODE, Glyphs
from evalperf.dashboard.view import picture
from tests.dashboard.feeding import a_run, state_after, text_of

FOLDER = Path(__file__).parent / "golden"
PICTURES: dict[str, tuple[int, int, Glyphs]] = {
    "120x40": (120, 40, UNICODE),
    "110x30": (110, 30, UNICODE),
    "80x24": (80, 24, UNICODE),
    "60x16": (60, 16, UNICODE),
    "50x10": (50, 10, UNICODE),
    "80x24-ascii": (80, 24, ASCII),
}


def drawn(name: str) -> str:
    width, height, glyphs = PICTURES[name]
    return text_of(picture(state_after(a_run()).snapshot(68.4), width, height, glyphs))


if __name__ == "__main__":
    for each in PICTURES:
        (FOLDER / f"{each}.txt").write_text(drawn(each), encoding="utf-8")
