"""Lines of styled text that keep to their width, and the small plots inside them.

A table of rich costs ten times as much to lay out; here every column has a known width, so a line is a list of spans
and nothing is ever wrapped.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from rich.cells import cell_len, set_cell_size

__all__ = [
    "ASCII",
    "UNICODE",
    "Glyphs",
    "Line",
    "Span",
    "bar",
    "beside",
    "ends",
    "fit",
    "glyphs_for",
    "joined",
    "rule",
    "sparkline",
    "width_of",
]

Span = tuple[str, str]
"""A text and its rich style."""
Line = list[Span]


class Glyphs(Struct, frozen=True):
    """The signs that an encoding may lack; none carries a meaning that is not also said in words or numbers."""

    full: str = "━"
    empty: str = "┄"
    rule: str = "─"
    levels: str = "▁▂▃▄▅▆▇█"
    running: str = "●"
    ok: str = "✔ "
    failed: str = "✘ "
    retried: str = "↻ "
    cached: str = "≡ "
    dot: str = " · "
    plus_minus: str = "±"
    dash: str = "–"
    none: str = "—"
    times: str = "×"
    ellipsis: str = "…"


UNICODE = Glyphs()
ASCII = Glyphs(
    full="#",
    empty="-",
    rule="-",
    levels=".:-=+*#@",
    running="*",
    ok="",
    failed="",
    retried="",
    cached="",
    dot=" | ",
    plus_minus="+-",
    dash="-",
    none="-",
    times="x",
    ellipsis="~",
)


def glyphs_for(encoding: str | None) -> Glyphs:
    """The richest set that the encoding can say."""
    signs = "".join(getattr(UNICODE, name) for name in UNICODE.__struct_fields__)
    try:
        signs.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def width_of(line: Line) -> int:
    """Terminal cells, where wide characters take two."""
    return sum(cell_len(text) for text, _ in line)


def fit(line: Line, width: int, ellipsis: str = "…") -> Line:
    """Exactly `width` cells: filled with spaces, or cut with an ellipsis."""
    missing = width - width_of(line)
    if missing >= 0:
        return [*line, (" " * missing, "")] if missing else line
    kept: Line = []
    room = width - cell_len(ellipsis)
    for text, style in line:
        size = cell_len(text)
        if size > room:
            kept.append((set_cell_size(text, max(0, room)), style))
            break
        kept.append((text, style))
        room -= size
    return fit([*kept, (ellipsis, "dim")], width, "") if width >= cell_len(ellipsis) else [(" " * width, "")]


def ends(left: Line, right: Line, width: int, ellipsis: str = "…") -> Line:
    """One at the left end and one at the right end; the left one gives way."""
    room = width - width_of(right)
    return [*fit(left, room - 1, ellipsis), (" ", ""), *right] if room > 1 else fit(left, width, ellipsis)


def joined(parts: Sequence[Line], separator: str) -> Line:
    """The parts in a row, the separator dim between them."""
    line: Line = []
    for part in parts:
        if line:
            line.append((separator, "dim"))
        line.extend(part)
    return line


def beside(blocks: Sequence[Sequence[Line]], widths: Sequence[int], gap: int, ellipsis: str = "…") -> list[Line]:
    """Blocks of lines side by side, each line fitted to its block's width; short blocks are filled up."""
    rows: list[Line] = []
    for row in range(max(map(len, blocks))):
        line: Line = []
        for number, (block, width) in enumerate(zip(blocks, widths, strict=True)):
            if number:
                line.append((" " * gap, ""))
            line.extend(fit(list(block[row]) if row < len(block) else [], width, ellipsis))
        rows.append(line)
    return rows


def rule(title: str, note: str, width: int, glyphs: Glyphs) -> Line:
    """A heading with a thin line to its right."""
    head: Line = [(title, "bold"), (" ", "")]
    if note:
        head += [(" ", ""), (note, "dim"), (" ", "")]
    head = fit(head, min(width, width_of(head)), glyphs.ellipsis)
    return [*head, (glyphs.rule * (width - width_of(head)), "grey35")]


def bar(share: float, width: int, style: str, glyphs: Glyphs) -> Line:
    """A thin bar whose empty part has another sign, so that it reads without colour.

    Anything above zero shows at least one cell, and only a full share shows all.
    """
    filled = round(share * width)
    if 0 < share < 1 and width > 1:
        filled = min(max(filled, 1), width - 1)
    filled = min(max(filled, 0), width)
    return [(glyphs.full * filled, style), (glyphs.empty * (width - filled), "grey35")]


def sparkline(values: Sequence[float], width: int, style: str, glyphs: Glyphs, *, headroom: float = 1.0) -> Line:
    """The last `width` values at the right end, each between 0 and the largest; what is 0 stays empty.

    `headroom` is how many times the largest value the full height stands for.
    """
    shown = values[-width:] if width > 0 else ()
    highest = max(shown, default=0) * headroom
    if highest <= 0:
        return [(" " * width, "")]
    top = len(glyphs.levels) - 1
    text = "".join(glyphs.levels[min(top, int(value / highest * top + 0.5))] if value > 0 else " " for value in shown)
    return [(text.rjust(width), style)]
