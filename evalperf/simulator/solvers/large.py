"""A solver for several steps: it tries one reader after the other until one understands the question.

Between them the readers know expressions with precedence, fractions, percentages, number words, units, prices, speeds
and stories. Where none understands, it says so instead of guessing.
"""

from __future__ import annotations

from evalperf.simulator.solvers.expression import read_expression
from evalperf.simulator.solvers.numerals import spell_out, write
from evalperf.simulator.solvers.phrases import read_change, read_command, read_list, read_sequence, read_unit
from evalperf.simulator.solvers.rates import read_groups, read_price, read_travel
from evalperf.simulator.solvers.story import read_story
from evalperf.simulator.solvers.working import Reader, Working

__all__ = ["answer"]

_READERS: tuple[Reader, ...] = (
    read_expression,
    read_command,
    read_list,
    read_sequence,
    read_change,
    read_unit,
    read_price,
    read_travel,
    read_groups,
    read_story,
)
"""From the narrow to the broad."""


def answer(question: str) -> str:
    """A short text that ends with "The answer is …", or says that there is none."""
    plain = spell_out(question.strip())
    for reader in _READERS:
        working = reader(plain)
        if working is not None:
            return f"{working.steps[0].upper()}{working.steps[1:]}. The answer is {_show(working)}."
    return "I don't know how to work this one out."


def _show(working: Working) -> str:
    if working.unit == "$":
        return f"${float(working.value):,.2f}"
    return write(working.value) + working.unit
