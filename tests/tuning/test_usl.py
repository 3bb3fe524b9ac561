"""The fit of the Universal Scalability Law."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.tuning import ScalabilityLaw, fit_scalability_law

WORKERS = (1, 4, 8, 12, 16, 20, 24, 28, 32, 48, 64)
RAYTRACER = (20.0, 78.0, 130.0, 170.0, 190.0, 200.0, 210.0, 230.0, 260.0, 280.0, 310.0)
"""N. J. Gunther's measurements of a ray tracer."""


def test_the_law_at_four_numbers_and_its_peak() -> None:
    law = ScalabilityLaw(per_worker_s=100, contention=0.05, coherency=0.0005)
    assert [law.cases_per_s(n) for n in (1, 8, 32, 64)] == pytest.approx([100.0, 580.5515, 1050.5581, 1037.95], 1e-6)
    assert law.best_workers == pytest.approx(43.58898943540673)


def test_without_coherency_there_is_no_peak() -> None:
    assert ScalabilityLaw(per_worker_s=1, contention=0.1, coherency=0.0).best_workers is None


@given(
    st.floats(0.1, 1000),
    st.floats(0.001, 0.5),
    st.floats(1e-5, 1e-2),
)
def test_a_law_that_is_measured_exactly_is_found_again(
    per_worker_s: float, contention: float, coherency: float
) -> None:
    law = ScalabilityLaw(per_worker_s=per_worker_s, contention=contention, coherency=coherency)
    found = fit_scalability_law([(n, law.cases_per_s(n)) for n in (1, 4, 16, 64, 256)])
    assert found is not None
    assert [found.cases_per_s(n) for n in (1, 10, 100)] == pytest.approx(
        [law.cases_per_s(n) for n in (1, 10, 100)], rel=1e-4
    )


def test_it_agrees_with_the_least_squares_of_scipy() -> None:
    numpy, optimize = pytest.importorskip("numpy"), pytest.importorskip("scipy.optimize")

    def law(n, per_worker_s, contention, coherency):
        return per_worker_s * n / (1 + contention * (n - 1) + coherency * n * (n - 1))

    expected, _ = optimize.curve_fit(
        law,
        numpy.array(WORKERS, float),
        numpy.array(RAYTRACER),
        p0=[20, 0.05, 1e-5],
        bounds=([0, 0, 0], [numpy.inf, 1, 1]),
        ftol=1e-14,
        xtol=1e-14,
        gtol=1e-14,
    )
    found = fit_scalability_law(list(zip(WORKERS, RAYTRACER, strict=True)))
    assert found is not None
    assert (found.per_worker_s, found.contention, found.coherency) == pytest.approx(expected, abs=1e-6)


def test_two_levels_and_levels_without_answers_are_no_curve() -> None:
    assert fit_scalability_law([(1, 1.0), (4, 4.0), (4, 4.1), (16, 0.0)]) is None
