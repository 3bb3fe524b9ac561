"""The `rouge` scorer: recall-oriented overlap with a reference (C.-Y. Lin, 2004)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from string import ascii_lowercase, digits
from typing import Any, Final, NamedTuple

from evalperf.config.scorers import RougeScorer
from evalperf.records import Case, Score
from evalperf.scorers.alignment import lcs_indices, lcs_length
from evalperf.scorers.base import NO_TARGET, Scorer, Targets, graded
from evalperf.scorers.extraction import pattern_scorer
from evalperf.scorers.multiset import shared_count
from evalperf.scorers.resources import Resources
from evalperf.scorers.stemming import stem
from evalperf.scorers.time_limit import UNLIMITED, TimeLimit

__all__ = ["Overlap", "rouge", "rouge_overlap", "rouge_tokens"]

_LETTERS_AND_DIGITS: Final = bytes(code if chr(code) in ascii_lowercase + digits else 32 for code in range(256))
_MOST_CELLS: Final = 400_000_000  # words of one line times words of another: rougeLsum keeps a bit for each, 50 MB
_TOO_LONG: Final = Score(value=None, reason="the lines are too long for rougeLsum")


class Overlap(NamedTuple):
    """How much of the candidate is in the reference (precision), and the other way round (recall)."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Their harmonic mean; 0 where both are 0."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both > 0 else 0.0


def rouge(config: RougeScorer, resources: Resources) -> Scorer:
    """Agrees with `RougeScorer([variant], use_stemmer=stemmer)` of rouge-score 0.1.2.

    Of several targets the one with the largest F counts. ROUGE knows ASCII letters and digits only: a text in another
    script has no words and scores 0.
    """
    prepare = _prepared(config.variant, stemmer=config.stemmer)
    count = _VARIANTS[config.variant]
    by_lines = config.variant == "rougeLsum"
    measure: Callable[[Overlap], float] = {
        "f": lambda overlap: overlap.f,
        "precision": lambda overlap: overlap.precision,
        "recall": lambda overlap: overlap.recall,
    }[config.measure]

    def judge(answer: str, targets: Targets, _case: Case, limit: TimeLimit) -> Score:
        if not targets:
            return NO_TARGET
        candidate = prepare(answer)
        references = [prepare(target) for target in targets]
        if by_lines and any(_longest(one) * _longest(candidate) > _MOST_CELLS for one in references):
            return _TOO_LONG
        best = max((count(one, candidate, limit) for one in references), key=lambda overlap: overlap.f)
        return graded(measure(best), config.threshold)

    return pattern_scorer(config, "rouge", judge, resources)


def rouge_overlap(
    reference: str, candidate: str, variant: str, *, stemmer: bool = False, limit: TimeLimit = UNLIMITED
) -> Overlap:
    """Precision and recall of the candidate by one of the four variants; raises TimeoutError past the limit."""
    prepare = _prepared(variant, stemmer=stemmer)
    return _VARIANTS[variant](prepare(reference), prepare(candidate), limit)


def rouge_tokens(text: str, *, stemmer: bool = False) -> list[str]:
    """Runs of ASCII letters and digits in lower case; the stemmer reduces words of more than three letters."""
    tokens = text.lower().encode("ascii", "replace").translate(_LETTERS_AND_DIGITS).decode().split()
    return [stem(token) if len(token) > 3 else token for token in tokens] if stemmer else tokens


def _prepared(variant: str, *, stemmer: bool) -> Callable[[str], Any]:
    """The tokens of a text, or for rougeLsum those of each line that is not empty."""
    if variant != "rougeLsum":
        return lambda text: rouge_tokens(text, stemmer=stemmer)
    return lambda text: [rouge_tokens(line, stemmer=stemmer) for line in text.split("\n") if line]


def _unigrams(reference: list[str], candidate: list[str], _limit: TimeLimit) -> Overlap:
    return _shared(reference, candidate)


def _bigrams(reference: list[str], candidate: list[str], _limit: TimeLimit) -> Overlap:
    return _shared(list(pairwise(reference)), list(pairwise(candidate)))


def _shared(reference: Sequence[Any], candidate: Sequence[Any]) -> Overlap:
    return _overlap(shared_count(Counter(reference), Counter(candidate)), len(reference), len(candidate))


def _subsequence(reference: list[str], candidate: list[str], limit: TimeLimit) -> Overlap:
    return _overlap(lcs_length(reference, candidate, limit), len(reference), len(candidate))


def _summary(reference: list[list[str]], candidate: list[list[str]], limit: TimeLimit) -> Overlap:
    """Section 3.2 of the paper: for each line of the reference the union of its subsequences with all of the candidate.

    As in ROUGE-1.5.5 no token counts more often than it stands in either text.
    """
    left_reference = Counter(token for line in reference for token in line)
    left_candidate = Counter(token for line in candidate for token in line)
    hits = 0
    for line in reference:
        union: set[int] = set()
        for other in candidate:
            union |= lcs_indices(line, other, limit)
        for at in sorted(union):
            token = line[at]
            if left_reference[token] > 0 and left_candidate[token] > 0:
                left_reference[token] -= 1
                left_candidate[token] -= 1
                hits += 1
    return _overlap(hits, sum(map(len, reference)), sum(map(len, candidate)))


def _longest(lines: list[list[str]]) -> int:
    return max(map(len, lines), default=0)


def _overlap(hits: int, reference: int, candidate: int) -> Overlap:
    return Overlap(hits / max(candidate, 1), hits / max(reference, 1))


_VARIANTS: Final[dict[str, Callable[[Any, Any, TimeLimit], Overlap]]] = {
    "rouge1": _unigrams,
    "rouge2": _bigrams,
    "rougeL": _subsequence,
    "rougeLsum": _summary,
}
