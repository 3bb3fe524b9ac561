"""The `choice` scorer: which of the options an answer chooses."""

from __future__ import annotations

import string
from functools import lru_cache
from typing import Final, Literal

import regex

from evalperf.config.scorers import ChoiceScorer
from evalperf.records import Case, Score
from evalperf.scorers.base import NO_TARGET, Scorer, Targets, no_answer, verdict
from evalperf.scorers.extraction import PatternJudge, check_group, compile_pattern, find_group, pattern_scorer
from evalperf.scorers.normal_forms import general_form
from evalperf.scorers.resources import Resources
from evalperf.scorers.time_limit import UNLIMITED, TimeLimit

__all__ = ["BUILT_IN_RULES", "as_letter", "built_in_rules", "choice", "find_choice"]

Rules = tuple[regex.Pattern[str], ...]

BUILT_IN_RULES: Final = (
    r"\A[\s*_`(\[\"'“]*(?<letter>LETTERS)[\s*_`)\]\"'”.:,!]*\Z",
    r"\\boxed\{\s*(?:\\(?:text|textbf|mathrm|mathbf)\{)?\s*\(?(?<letter>LETTERS)(?!\w)",
    (
        r"(?i:answer|choice|option)\b[\s*_]*(?i:is|would be|:|=|-)?[\s*_:]*(?i:option|choice)?[\s*_:]*"
        r"[(\[\"'“]?(?<letter>LETTERS)(?![\w'’]|(?<=[AI])\s+[a-z])"
    ),
    r"\A[\s*_`(\[\"'“]*(?<letter>LETTERS)[*_`]*[).:\]]",
    r"\((?<letter>LETTERS)\)",
    r"(?<![\w'’-])(?<letter>LETTERS)(?![\w'’-]|(?<=[AI])\s+[a-z])",
)
"""The rules that are tried in order where the configuration has none; LETTERS stands for one of the letters.

The answer is nothing but the letter (`B`, `(B)`, `**B.**`) · `\\boxed{B}` · after "answer", "choice" or "option" ·
the answer begins with `B)`, `B.` or `B:` · `(B)` anywhere · a letter that stands alone; an A or I before a lower-case
word is taken for the English word. Letters count as written, so that "a" is no choice.
"""


def choice(config: ChoiceScorer, resources: Resources) -> Scorer:
    """The letter that the first fitting rule finds equals the target's, given as a letter or as the option's text."""
    own_rules = _compile(config.patterns) if config.patterns is not None else None
    return pattern_scorer(config, "choice", _judge(config, own_rules), resources)


def _judge(config: ChoiceScorer, own_rules: Rules | None) -> PatternJudge:
    alphabet = config.letters if config.letters is not None else string.ascii_uppercase

    def judge(answer: str, targets: Targets, case: Case, limit: TimeLimit) -> Score:
        if not targets:
            return NO_TARGET
        options = case.choices if case.choices is not None else ()
        # a letter beyond the options is a letter all the same: wrong, as a target or an answer, but there
        wanted = {letter for target in targets if (letter := as_letter(target, alphabet, options)) is not None}
        if not wanted:
            return Score(value=None, reason=f"the target {targets[0]!r} is neither a letter nor the text of a choice")
        if own_rules is not None:
            found = find_choice(answer, own_rules, config.which, limit)
        else:
            letters = alphabet[: len(options)] if options and config.letters is None else alphabet
            found = find_choice(answer, built_in_rules(letters), config.which, limit)
            found = found if found is not None else as_letter(answer, letters, options)
        if found is None:
            return no_answer()
        letter = as_letter(found, alphabet, options)
        return verdict(letter in wanted, extracted=letter if letter is not None else found)

    return judge


def find_choice(
    answer: str, rules: Rules, which: Literal["first", "last"] = "first", limit: TimeLimit = UNLIMITED
) -> str | None:
    """What the first rule that matches has captured; None if none does."""
    for rule in rules:
        found = find_group(rule, answer, 1, which, limit)
        if found is not None:
            return found
    return None


def as_letter(text: str, letters: str, options: tuple[str, ...]) -> str | None:
    """The letter that a text means: the letter itself, in brackets or with a full stop, or the text of an option.

    Texts are compared in the general form of `normalized`. A text that two options share means neither.
    """
    bare = text.strip().strip("()[].:*\"' ")
    if len(bare) == 1 and bare in letters:
        return bare
    if len(bare) == 1 and bare.upper() in letters:
        return bare.upper()
    plain = general_form(text)
    same = [letter for letter, option in zip(letters, options, strict=False) if general_form(option) == plain]
    return same[0] if len(same) == 1 else None


@lru_cache(maxsize=64)
def built_in_rules(letters: str) -> Rules:
    """`BUILT_IN_RULES` for these letters."""
    one_letter = "[" + "".join(regex.escape(letter) for letter in letters) + "]"
    return tuple(regex.compile(rule.replace("LETTERS", one_letter)) for rule in BUILT_IN_RULES)


def _compile(patterns: list[str]) -> Rules:
    rules = tuple(compile_pattern(pattern) for pattern in patterns)
    for rule in rules:
        check_group(rule, 1)
    return rules
