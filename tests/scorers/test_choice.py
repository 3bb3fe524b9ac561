"""`choice`: the letter an answer chooses."""

import pytest

from evalperf.scorers import NO_ANSWER
from evalperf.scorers.choice import as_letter

OPTIONS = ("Paris", "London", "Rome", "A long one")


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        (" (B). ", "B"),
        ("**B**", "B"),
        ("b", "B"),
        ("The answer is B.", "B"),
        ("The answer is (B), not (C).", "B"),
        ("**Answer:** B", "B"),
        ("Answer: **B**", "B"),
        ("A is wrong. So the correct choice is option C", "C"),
        (r"Thus $\boxed{C}$", "C"),
        (r"Thus $\boxed{\text{(C)}}$", "C"),
        ("B) London", "B"),
        ("I think it must be (D)", "D"),
        ("It must be D then", "D"),
        ("London", "B"),
        ("a long one.", "D"),
        ("A dog would be an answer", None),
        ("The answer is a matter of taste", None),
        ("I think so", None),
        ("E", None),
        ("", None),
    ],
)
async def test_built_in_rules(judge, answer, letter):
    score = await judge("choice", answer, "B", choices=OPTIONS)
    assert score.extracted == letter
    assert score.passed is (letter == "B")
    assert (score.reason == NO_ANSWER) is (letter is None)


@pytest.mark.parametrize(
    ("target", "right"),
    [("B", True), ("b", True), ("(B)", True), ("London", True), (("A", "B"), True), ("Rome", False)],
)
async def test_the_target_is_a_letter_or_the_text_of_an_option(judge, target, right):
    assert (await judge("choice", "B", target, choices=OPTIONS)).passed is right


async def test_a_target_that_is_no_choice_is_not_scored(judge):
    score = await judge("choice", "B", "Madrid", choices=OPTIONS)
    assert (score.value, score.reason) == (None, "the target 'Madrid' is neither a letter nor the text of a choice")


async def test_own_rules_are_tried_in_order(judge):
    config = {"type": "choice", "patterns": [r"final: (\w)", r"maybe (\w)"]}
    assert (await judge(config, "maybe A ... final: C", "C")).passed
    assert (await judge(config, "maybe A", "C")).extracted == "A"
    assert (await judge(config, "C", "C")).reason == NO_ANSWER


async def test_which_match_of_a_rule_counts(judge):
    config = {"type": "choice", "patterns": [r"is (\w)"]}
    assert (await judge(config, "is A. No, is B", "A")).passed
    assert (await judge({**config, "which": "last"}, "is A. No, is B", "B")).passed


async def test_letters_may_be_digits(judge):
    assert (await judge({"type": "choice", "letters": "1234"}, "The answer is 3.", "3")).passed


async def test_a_found_letter_beyond_the_options_is_wrong_not_missing(judge):
    score = await judge({"type": "choice", "patterns": ["is ([A-J])"]}, "is J", "B", choices=OPTIONS)
    assert (score.passed, score.reason, score.extracted) == (False, None, "J")


async def test_a_target_beyond_the_options_can_only_be_missed(judge):
    assert (await judge("choice", "The answer is B.", "F", choices=OPTIONS)).value == 0.0


def test_a_text_that_two_options_share_means_neither():
    assert as_letter("x", "AB", ("x", "X")) is None
