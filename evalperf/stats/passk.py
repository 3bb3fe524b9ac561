"""What several tries bring: pass@k (does one of k succeed?) and pass^k (do all k succeed?).

With c of n answers of a case right, the unbiased estimators are

    pass@k = 1 - C(n - c, k) / C(n, k)      (Chen et al. 2021, "Evaluating large language models trained on code")
    pass^k = C(c, k) / C(n, k)              (Yao et al. 2024, "τ-bench")

and the figure of a run is their mean over cases.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

__all__ = ["PassCounts", "pass_at_k", "pass_hat_k"]


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that at least one of k answers is right, drawn without replacement from n of which c are right."""
    _check(n, c, k)
    return (math.comb(n, k) - math.comb(n - c, k)) / math.comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float:
    """The chance that all k are right."""
    _check(n, c, k)
    return math.comb(c, k) / math.comb(n, k)


def _check(n: int, c: int, k: int) -> None:
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"no k = {k} of n = {n} answers with c = {c} right")


class PassCounts:
    """How many cases had c of n answers right; as many entries as there are such pairs, not as there are cases."""

    __slots__ = ("_cases",)

    def __init__(self) -> None:
        self._cases: Counter[tuple[int, int]] = Counter()

    def add(self, judged: int, passed: int) -> None:
        """Takes a case; answers without a verdict are no answers here."""
        if judged:
            self._cases[judged, passed] += 1

    def merge(self, other: PassCounts) -> None:
        """Takes all cases that the other has seen."""
        self._cases.update(other._cases)

    def cases(self, k: int) -> int:
        """How many cases have k answers with a verdict, or more."""
        return sum(count for (n, _), count in self._cases.items() if n >= k)

    def at(self, k: int) -> float | None:
        """pass@k over these cases; None where there is none."""
        return self._mean(k, ((pass_at_k(n, c, k), count) for (n, c), count in self._cases.items() if n >= k))

    def hat(self, k: int) -> float | None:
        """pass^k over these cases; None where there is none."""
        return self._mean(k, ((pass_hat_k(n, c, k), count) for (n, c), count in self._cases.items() if n >= k))

    def _mean(self, k: int, shares: Iterable[tuple[float, int]]) -> float | None:
        cases = self.cases(k)
        return math.fsum(share * count for share, count in shares) / cases if cases else None
