"""Porter's stemmer with the additions of NLTK, as rouge-score uses it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

__all__ = ["stem"]

Rules = tuple[tuple[str, str], ...]

_IRREGULAR: Final = {
    "sky": "sky",
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "news": "news",
    "innings": "inning",
    "inning": "inning",
    "outings": "outing",
    "outing": "outing",
    "cannings": "canning",
    "canning": "canning",
    "howe": "howe",
    "proceed": "proceed",
    "exceed": "exceed",
    "succeed": "succeed",
}
_VOWELS: Final = frozenset("aeiou")
_STEP_1A: Final[Rules] = (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", ""))
_STEP_2: Final[Rules] = (
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
)
_STEP_3: Final[Rules] = (
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
)
_STEP_4: Final = (
    *("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent"),
    *("ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"),
)


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The stem of a lower-case word: M. Porter, "An algorithm for suffix stripping", Program 14.3 (1980).

    In each step the first suffix that fits decides, also where its condition then fails. The additions of NLTK's
    default mode are marked; the results are its own, letter for letter.
    """
    if word in _IRREGULAR:  # NLTK
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    word = _step_1c(_step_1b(_step_1a(word)))
    word = _replaced(_step_2(word), _STEP_3)
    return _step_5(_step_4(word))


def _step_1a(word: str) -> str:
    if word.endswith("ies") and len(word) == 4:  # NLTK: dies → die
        return word[:-1]
    for suffix, replacement in _STEP_1A:
        if word.endswith(suffix):
            return word[: -len(suffix)] + replacement
    return word


def _step_1b(word: str) -> str:
    if word.endswith("ied"):  # NLTK: died → die, spied → spi
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    if word.endswith("ed") and "v" in _shape(word[:-2]):
        return _restored(word[:-2])
    if word.endswith("ing") and "v" in _shape(word[:-3]):
        return _restored(word[:-3])
    return word


def _restored(word: str) -> str:
    """What was cut before -ed and -ing comes back: conflat → conflate, hopp → hop, fil → file."""
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    shape = _shape(word)
    if len(word) >= 2 and word[-1] == word[-2] and shape[-1] == "c":
        return word if word[-1] in "lsz" else word[:-1]
    return word + "e" if shape.count("vc") == 1 and _ends_cvc(word) else word


def _step_1c(word: str) -> str:
    # NLTK: only after a consonant that is not the first letter
    return word[:-1] + "i" if word.endswith("y") and len(word) > 2 and _shape(word)[-2] == "c" else word


def _step_2(word: str) -> str:
    if word.endswith("alli") and _measure(word[:-4]) > 0:  # NLTK: then once more
        return _step_2(word[:-2])
    if word.endswith("logi"):  # NLTK: also after a short stem, geologi → geolog
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _replaced(word, _STEP_2)


def _replaced(word: str, rules: Rules) -> str:
    for suffix, replacement in rules:
        if word.endswith(suffix):
            start = word[: -len(suffix)]
            return start + replacement if _measure(start) > 0 else word
    return word


def _step_4(word: str) -> str:
    for suffix in _STEP_4:
        if word.endswith(suffix):
            start = word[: -len(suffix)]
            cut = _measure(start) > 1 and (suffix != "ion" or start[-1] in "st")
            return start if cut else word
    return word


def _step_5(word: str) -> str:
    if word.endswith("e"):
        start = word[:-1]
        measure = _measure(start)
        if measure > 1 or (measure == 1 and not _ends_cvc(start)):
            word = start
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


def _shape(word: str) -> str:
    """A c or v for each letter; y is a vowel after a consonant. Digits count as consonants."""
    shape = ""
    for letter in word:
        vowel = letter in _VOWELS or (letter == "y" and shape[-1:] == "c")
        shape += "v" if vowel else "c"
    return shape


def _measure(word: str) -> int:
    """Porter's m: how often a consonant follows a vowel."""
    return _shape(word).count("vc")


def _ends_cvc(word: str) -> bool:
    shape = _shape(word)
    return (shape.endswith("cvc") and word[-1] not in "wxy") or shape == "vc"  # NLTK: the second
