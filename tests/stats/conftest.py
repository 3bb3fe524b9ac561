"""Results made by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evalperf.records import Result
from tests.support.results import make_result


@pytest.fixture(scope="session", name="make_result")
def _make_result() -> Callable[..., Result]:
    """Makes a result; `value` is the score of "exact", `kind` that of a failure, other fields as they are."""
    return make_result
