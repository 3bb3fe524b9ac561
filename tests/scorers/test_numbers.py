"""`number`: what is read as a number, and when two are the same."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.scorers import NO_ANSWER
from evalperf.scorers.numbers import _NUMBER, _value, find_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", 18),
        ("It is 18.", 18),
        ("**18**", 18),
        ("is -18 exactly", -18),
        ("−18", -18),
        ("+18", 18),
        (".5", Decimal("0.5")),
        ("1,234.5", Decimal("1234.5")),
        ("12,34,567", 1234567),
        ("1\u202f234\u202f567", 1234567),
        ("6.02e23", Decimal("6.02e23")),
        ("1e-3", Decimal("0.001")),
        ("3/4", Fraction(3, 4)),
        ("1 1/2 cups", Fraction(3, 2)),
        ("-½", Fraction(-1, 2)),
        ("2½", Fraction(5, 2)),
        ("⅓", Fraction(1, 3)),
        (r"\boxed{\frac{3}{4}}", Fraction(3, 4)),
        (r"2\frac{1}{2}", Fraction(5, 2)),
        ("$5", 5),
        ("-$5.00", Decimal("-5.00")),
        ("$-5", -5),
        ("-$ 5", -5),
        ("US$500", 500),
        ("50 %", 50),
        ("１２３", 123),
        ("٣", 3),
        ("答案是-3。", -3),
        ("5km", 5),
        ("16-3", 3),
        ("x = (5)-3", 3),
        ("3/4/2024", 2024),
        ("1/0", 0),
        ("10,20", 20),
        ("1.2.3", Decimal("1.2")),
        ("-0.12345678901234567890123456789012345", Decimal("-0.12345678901234567890123456789012345")),
        ("H2O", None),
        ("GPT4 and m2.5", None),
        ("1e999999999", None),
        ("9" * 500, None),
        ("3 and " + "9" * 500, 3),
        ("none", None),
        ("", None),
    ],
)
def test_the_last_number_is_read_exactly(text, value):
    found = find_number(text)
    assert (found.value if found is not None else None) == value


def test_the_first_number_and_the_number_after_a_marker():
    text = "A: 7, no: 8. A: 9 of 10"
    assert find_number(text, which="first").value == 7
    assert find_number(text, which="first", marker="A:").value == 9
    assert find_number(text, marker="A:").value == 10
    assert find_number("9", marker="A:") is None


def test_a_percentage_can_be_a_fraction():
    assert find_number("50%", percent="fraction").value == Fraction(1, 2)
    assert find_number("50 per cent", percent="fraction").value == Fraction(1, 2)
    assert find_number("50", percent="fraction").value == 50


_PIECES = st.sampled_from([*"1.,/-$%½ex()é \n\u00a0", "23", "456", "A:", "**", "1 1/2", r"\frac{1}{2}", " per cent"])


@given(st.lists(_PIECES, max_size=25).map("".join))
def test_the_short_ways_to_the_last_number_find_what_the_whole_scan_finds(text):
    values = [value for match in _NUMBER.finditer(text) if (value := _value(match, "sign")) is not None]
    found = find_number(text)
    assert (found.value if found is not None else None) == (values[-1] if values else None)


@given(st.lists(_PIECES, max_size=25).map("".join))
def test_the_short_way_to_the_first_number_finds_what_the_whole_scan_finds(text):
    values = [value for match in _NUMBER.finditer(text) if (value := _value(match, "sign")) is not None]
    found = find_number(text, which="first")
    assert (found.value if found is not None else None) == (values[0] if values else None)


@given(st.fractions(min_value=-(10**9), max_value=10**9))
def test_a_fraction_is_read_back_exactly(value):
    assert find_number(f"so it is {value.numerator}/{value.denominator}.").value == value


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6))
def test_thousands_commas_change_nothing(value):
    assert find_number(f"${value:,f} in all").value == value


@pytest.mark.parametrize(
    ("options", "answer", "target", "right"),
    [
        ({}, "18.0", "18", True),
        ({}, "0.5", "1/2", True),
        ({}, "0.33", "1/3", False),
        ({"tolerance": 0.01}, "0.33", "1/3", True),
        ({"tolerance": 0.1}, "0.3", "0.2", True),
        ({"tolerance": 0.1}, "0.30000001", "0.2", False),
        ({"relative_tolerance": 0.01}, "101", "100", True),
        ({"relative_tolerance": 0.01}, "-99", "-100", True),
        ({"relative_tolerance": 0.01}, "98.9", "100", False),
        ({"percent": "fraction"}, "50%", "0.5", True),
        ({"marker": "A:"}, "A: 1,000 dollars for 3 people", "1000", True),
        ({"marker": "A:"}, "A: 5", "because\n#### 5", True),
        ({}, "7", ("5", "7"), True),
        ({}, "9007199254740993", "9007199254740992", False),
    ],
)
async def test_numbers_are_compared_exactly(judge, options, answer, target, right):
    assert (await judge({"type": "number", **options}, answer, target)).passed is right


async def test_a_missing_number_is_a_wrong_answer_that_can_be_told_apart(judge):
    missing = await judge("number", "I don't know", "5")
    assert (missing.value, missing.passed, missing.reason, missing.extracted) == (0.0, False, NO_ANSWER, None)
    wrong = await judge("number", "I say 6.0", "5")
    assert (wrong.value, wrong.passed, wrong.reason, wrong.extracted) == (0.0, False, None, "6.0")


async def test_a_target_without_a_number_is_not_scored(judge):
    score = await judge("number", "5", "five")
    assert (score.value, score.reason) == (None, "no number in the target 'five'")


def test_reading_stays_linear_on_hostile_text():
    for hostile in (
        "1" * 300_000,
        "1," * 150_000,
        "1 " * 150_000,
        "$-" * 150_000,
        "\\frac{1}" * 30_000,
        "1/" * 150_000,
    ):
        find_number(hostile)
        find_number(hostile, which="first")
