"""Outliers by the median absolute deviation, as hyperfine tells them."""

from __future__ import annotations

import pytest

from evalperf.stats.outliers import modified_z

HYPERFINE = 14.826 * 0.6745
"""Its rule is |x - median| / MAD > 14.826."""


@pytest.mark.parametrize(
    ("values", "outliers"),
    [
        ([-0.2, 0.0, 0.2, 4.0], 1),
        ([0.5, 0.3, 0.29, 0.31, 0.3], 1),
        ([-0.2, 0.0, 0.2], 0),
        ([10.0] * 7 + [100.0], 1),
        ([10.0] * 7 + [-100.0], 1),
        ([10.0] * 8, 0),
    ],
)
def test_hyperfines_own_cases(values, outliers):
    assert sum(abs(z) > HYPERFINE for z in modified_z(values)) == outliers
