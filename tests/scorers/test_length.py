"""`length`."""

import pytest
from pydantic import ValidationError

from tests.scorers.samples import ADAPTER


@pytest.mark.parametrize(
    ("options", "answer", "right", "reason"),
    [
        ({"max": 3}, " abc\n", True, "3 chars"),
        ({"max": 2}, "abc", False, "3 chars"),
        ({"min": 1}, "  ", False, "0 chars"),
        ({"max": 1}, "é", True, "1 char"),
        ({"unit": "words", "min": 2, "max": 2}, "two words", True, "2 words"),
        ({"unit": "words", "min": 2}, "one", False, "1 word"),
        ({"unit": "lines", "max": 3}, "\na\n\nb\n", True, "3 lines"),
        ({"unit": "lines", "min": 1}, "", False, "0 lines"),
    ],
)
async def test_both_bounds_are_included(judge, options, answer, right, reason):
    score = await judge({"type": "length", **options}, answer)
    assert (score.passed, score.reason) == (right, reason)


@pytest.mark.parametrize("options", [{}, {"min": 3, "max": 2}])
def test_bounds_that_bound_nothing_are_refused(options):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python({"type": "length", **options})
