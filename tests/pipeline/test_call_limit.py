"""`max_concurrent_api_calls`: calls of all models of a run together."""

from __future__ import annotations

import asyncio

from evalperf import clock
from evalperf.config.model import RunConfig
from evalperf.pipeline.calling import Calling
from evalperf.pipeline.router import Router
from tests.support.fakes import ScriptedProvider, answer
from tests.support.virtual_loop import run_virtual


class Wire:
    """Counts what is under way, and notes who was seated in which order."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.order: list[str] = []

    async def call(self, router: Router, name: str) -> None:
        seated = await router.seat(100, None)
        assert seated is not None
        self.now += 1
        self.most = max(self.most, self.now)
        self.order.append(name)
        await asyncio.sleep(1.0)
        self.now -= 1
        router.leave(seated[0])


def routers(most: int | None) -> tuple[Router, Router]:
    """Of the answers, and of a judge."""
    config = RunConfig.model_validate(
        {
            "cases": {"path": "a.jsonl"},
            "provider": {"type": "openai", "model": "m", "endpoints": [{"url": "http://a/v1"}]},
            "concurrency": {"adaptive": False, "resource_limits": {"max_concurrent_api_calls": most}},
        }
    )
    calling = Calling(config, workers=50, known_limits={}, cache=None, near=None, budget=None, emit=lambda _: None)
    provider = ScriptedProvider(lambda _, __: answer(), name="a")
    return calling.router(config.provider, [provider]), calling.router(config.provider, [provider])


def test_two_models_share_the_calls() -> None:
    async def go() -> tuple[int, float]:
        (answers, judge), wire = routers(3), Wire()
        await asyncio.gather(*(wire.call(one, "") for one in (answers, judge) for _ in range(6)))
        return wire.most, clock.now()

    assert run_virtual(go()) == (3, 4.0)


def test_a_judge_goes_before_new_answers() -> None:
    """What was begun is finished first."""

    async def go() -> list[str]:
        (answers, judge), wire = routers(1), Wire()
        calls = [wire.call(answers, "answer") for _ in range(3)] + [wire.call(judge, "judge")]
        await asyncio.gather(*calls)
        return wire.order

    assert run_virtual(go()) == ["answer", "judge", "answer", "answer"]


def test_the_feed_is_told_of_no_more_room_than_there_is() -> None:
    async def go() -> tuple[bool, bool, list[int]]:
        answers, judge = routers(2)
        rooms: list[int] = []
        answers.on_room = rooms.append
        seats = [await judge.seat(100, None) for _ in range(2)]
        full = answers.has_room()
        for seated in seats:
            assert seated is not None
            judge.leave(seated[0])
        return full, answers.has_room(), rooms

    assert run_virtual(go()) == (False, True, [1, 2])


def test_without_the_limit_models_do_not_wait_for_each_other() -> None:
    async def go() -> int:
        (answers, judge), wire = routers(None), Wire()
        await asyncio.gather(*(wire.call(one, "") for one in (answers, judge) for _ in range(30)))
        return wire.most

    assert run_virtual(go()) == 60
