"""A session that ends by the clock."""

from __future__ import annotations

import asyncio

import pytest

from evalperf.errors import EvalperfError, StoppedError
from evalperf.pipeline.deadline import deadline
from tests.support.virtual_loop import run_virtual


@pytest.mark.parametrize(("after_s", "told"), [(None, []), (9.0, []), (5.0, ["the deadline of 5 s has passed"])])
def test_it_speaks_once_if_the_block_is_still_running(after_s: float | None, told: list[str]) -> None:
    async def work() -> None:
        errors: list[EvalperfError] = []
        with deadline(after_s, errors.append):
            await asyncio.sleep(8)
        await asyncio.sleep(100)  # also not after the block
        assert [str(error) for error in errors] == told
        assert all(isinstance(error, StoppedError) and error.exit_code == 3 for error in errors)

    run_virtual(work())


def test_a_block_that_fails_has_no_deadline_any_more() -> None:
    async def work() -> None:
        errors: list[EvalperfError] = []
        with pytest.raises(ValueError, match="inside"), deadline(1.0, errors.append):
            raise ValueError("inside")
        await asyncio.sleep(2)
        assert errors == []

    run_virtual(work())
