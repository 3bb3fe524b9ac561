"""How two sequences line up: edit distance and longest common subsequence, a whole row at once in the bits of an int.

Both take time in proportion to the product of the lengths divided by 30, the bits that Python handles in one step; a
thousand characters against a thousand take about a millisecond.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from evalperf.scorers.time_limit import UNLIMITED, TimeLimit

__all__ = ["edit_distance", "lcs_indices", "lcs_length"]

_BLOCK = 512  # elements between two looks at the clock


def edit_distance(one: str, other: str, limit: TimeLimit = UNLIMITED) -> int:
    """The fewest insertions, deletions and substitutions of code points that turn one text into the other.

    Levenshtein's distance by the bit-parallel algorithm of Myers (1999) in the form of Hyyrö (2003): bit i of `rises`
    (`falls`) says that the distance grows (shrinks) from row i to the next. Raises TimeoutError past the limit.
    """
    if one == other:
        return 0
    long, short = (one, other) if len(one) >= len(other) else (other, one)
    if not short:
        return len(long)
    masks, full = _masks(long)
    last = (full >> 1) + 1
    rises, falls, distance = full, 0, len(long)
    for block in _blocks(short, limit):
        for element in block:
            same = masks.get(element, 0)
            diagonal = (((same & rises) + rises) ^ rises) | same | falls
            right_rises = falls | (full & ~(diagonal | rises))
            right_falls = diagonal & rises
            if right_rises & last:
                distance += 1
            elif right_falls & last:
                distance -= 1
            right_rises = (right_rises << 1) | 1
            rises = ((right_falls << 1) | ~(diagonal | right_rises)) & full
            falls = right_rises & diagonal & full
    return distance


def lcs_length(one: Sequence[Hashable], other: Sequence[Hashable], limit: TimeLimit = UNLIMITED) -> int:
    """The length of the longest common subsequence; raises TimeoutError past the limit.

    The bit-parallel algorithm of Hyyrö (2004): bit i of a row is 0 where the subsequence grows with element i.
    """
    long, short = (one, other) if len(one) >= len(other) else (other, one)
    masks, full = _masks(long)
    row = full
    for block in _blocks(short, limit):
        for element in block:
            same = masks.get(element)
            if same is not None:
                matched = row & same
                row = ((row + matched) | (row - matched)) & full
    return len(long) - row.bit_count()


def lcs_indices(reference: Sequence[Hashable], candidate: Sequence[Hashable], limit: TimeLimit = UNLIMITED) -> set[int]:
    """Which elements of the reference form one longest common subsequence.

    Of several, the one that the table of the textbook gives when it is read from its last corner and goes up
    wherever both ways are as good, as rouge-score does. Keeps a row for each element of the candidate.
    """
    masks, full = _masks(reference)
    row = full
    rows = []
    for block in _blocks(candidate, limit):
        for element in block:
            matched = row & masks.get(element, 0)
            row = ((row + matched) | (row - matched)) & full
            rows.append(row)
    found = set()
    at, column = len(reference) - 1, len(candidate) - 1
    while at >= 0 and column >= 0:
        if reference[at] == candidate[column]:
            found.add(at)
            at -= 1
            column -= 1
        elif rows[column] >> at & 1:
            at -= 1
        else:
            column -= 1
    return found


def _masks(sequence: Sequence[Hashable]) -> tuple[dict[Hashable, int], int]:
    """Where each element stands, as bits, and the bits of all places."""
    masks: dict[Hashable, int] = {}
    bit = 1
    for element in sequence:
        masks[element] = masks.get(element, 0) | bit
        bit <<= 1
    return masks, bit - 1


def _blocks(sequence: Sequence[Hashable], limit: TimeLimit) -> Iterator[Sequence[Hashable]]:
    for start in range(0, len(sequence), _BLOCK):
        limit.left_s()
        yield sequence[start : start + _BLOCK] if len(sequence) > _BLOCK else sequence
