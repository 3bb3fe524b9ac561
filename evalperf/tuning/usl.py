"""The Universal Scalability Law fitted to measured levels: a description, on which nothing is decided.

    throughput(N) = λ · N / (1 + σ · (N - 1) + κ · N · (N - 1))

(N. J. Gunther, "Guerrilla Capacity Planning", 2007.) Extrapolated beyond what was measured it misleads: a server that
works in batches looks endless until its batch is full.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

__all__ = ["ScalabilityLaw", "fit_scalability_law"]

Point = tuple[int, float]
Vector = list[float]

_STEPS = 200
_CONVERGED = 1e-12
"""Relative change of the sum of squares."""
_FREE = ((0, 1, 2), (0, 1), (0, 2), (0,))
"""Which of λ, σ, κ are fitted; the others are 0. The best fit without a negative one counts."""


class ScalabilityLaw(Struct, frozen=True, kw_only=True):
    """The three numbers of the law, by least squares on the throughput."""

    per_worker_s: float
    """λ: what one worker alone brings, in cases per second."""
    contention: float
    """σ: the share of the work that can't be done at the same time."""
    coherency: float
    """κ: what each pair of workers costs."""

    @property
    def best_workers(self) -> float | None:
        """Where the law has its peak, √((1 - σ) / κ); None where it has none."""
        if self.coherency <= 0 or self.contention >= 1:
            return None
        return math.sqrt((1 - self.contention) / self.coherency)

    def cases_per_s(self, workers: float) -> float:
        """What the law says."""
        return _law((self.per_worker_s, self.contention, self.coherency), workers)


def fit_scalability_law(points: Sequence[Point]) -> ScalabilityLaw | None:
    """Of (workers, cases per second), by Levenberg and Marquardt; None for fewer than three different levels."""
    known = [(workers, cases_per_s) for workers, cases_per_s in points if cases_per_s > 0]
    if len({workers for workers, _ in known}) < 3:
        return None
    fits = [fit for free in _FREE if (fit := _fit(known, free)) is not None]
    best = min(fits, key=lambda fit: fit[0])[1]
    return ScalabilityLaw(per_worker_s=best[0], contention=best[1], coherency=best[2])


def _fit(points: Sequence[Point], free: tuple[int, ...]) -> tuple[float, Vector] | None:
    """The sum of squares and the parameters; None where one of them came out negative."""
    values = [max(cases_per_s / workers for workers, cases_per_s in points), 0.0, 0.0]
    squares, damping = _squares(points, values), 1e-3
    for _ in range(_STEPS):
        step = _step(points, values, free, damping)
        tried = list(values)
        for place, change in zip(free, step, strict=True):
            tried[place] += change
        reached = _squares(points, tried)
        if reached >= squares:
            damping *= 10
            if damping > 1e12:
                break
            continue
        done = squares - reached <= _CONVERGED * squares
        values, squares, damping = tried, reached, damping / 10
        if done:
            break
    return None if min(values) < 0 else (squares, values)


def _law(values: Sequence[float], workers: float) -> float:
    return values[0] * workers / _below(values, workers)


def _below(values: Sequence[float], workers: float) -> float:
    return 1 + values[1] * (workers - 1) + values[2] * workers * (workers - 1)


def _squares(points: Sequence[Point], values: Sequence[float]) -> float:
    if any(_below(values, workers) <= 0 for workers, _ in points):
        return math.inf
    return math.fsum((cases_per_s - _law(values, workers)) ** 2 for workers, cases_per_s in points)


def _step(points: Sequence[Point], values: Sequence[float], free: tuple[int, ...], damping: float) -> Vector:
    """The solution of (JᵀJ + damping · diag JᵀJ) step = Jᵀ residuals."""
    size = len(free)
    matrix = [[0.0] * size for _ in range(size)]
    right = [0.0] * size
    for workers, cases_per_s in points:
        below = _below(values, workers)
        slope = -values[0] * workers / below**2
        whole = (workers / below, slope * (workers - 1), slope * workers * (workers - 1))
        row = [whole[place] for place in free]
        residual = cases_per_s - _law(values, workers)
        for i in range(size):
            right[i] += row[i] * residual
            for j in range(size):
                matrix[i][j] += row[i] * row[j]
    for i in range(size):
        matrix[i][i] *= 1 + damping
    return _solved(matrix, right)


def _solved(matrix: list[Vector], right: Vector) -> Vector:
    """Gauss-Jordan; the matrix is positive definite, so no pivots are looked for."""
    size = len(right)
    rows = [[*matrix[i], right[i]] for i in range(size)]
    for i in range(size):
        if rows[i][i] == 0:
            return [0.0] * size
        pivot = rows[i][i]
        rows[i] = [value / pivot for value in rows[i]]
        for j in range(size):
            if j != i:
                factor = rows[j][i]
                rows[j] = [value - factor * own for value, own in zip(rows[j], rows[i], strict=True)]
    return [row[-1] for row in rows]
