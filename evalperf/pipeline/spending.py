"""What the calls of a run cost, and how far its budget goes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from evalperf.config.model import AnswerProvider
from evalperf.errors import StoppedError
from evalperf.pricing import Price, find_price
from evalperf.records import Completion, Response, Usage
from evalperf.resilience import Budget, Reservation, TokenEstimate

__all__ = ["EmbeddingSpending", "Spending"]


class Spending:
    """Prices the calls to one model, and to its fallback, and charges them to the run's budget, if it has one."""

    def __init__(self, provider: AnswerProvider, budget: Budget | None, fallback: AnswerProvider | None = None) -> None:
        self._price = find_price(provider)
        self._fallback_price = None if fallback is None else find_price(fallback)
        self._budget = budget
        self._estimate = TokenEstimate()
        self._blind = True  # no answer has shown yet how long answers are
        self._first = asyncio.Lock()
        self._scout: Reservation | None = None  # of the call that holds the lock

    def cost_usd(self, completion: Completion, *, fallback: bool = False) -> float | None:
        """What the answer has cost; None where the price or the usage is not known."""
        price = self._fallback_price if fallback else self._price
        return None if price is None else price.cost_usd(completion.usage)

    async def reserve(self, size_bytes: int, max_output_tokens: int | None) -> Reservation | None:
        """Holds back what the call may cost; None where nothing is limited. Raises StoppedError when it is used up.

        Where nothing bounds the answers, the first one is awaited before others are asked for: an estimate that is
        wrong by a factor of a hundred must not let through as many calls at once as there are workers.
        """
        if self._budget is None:
            return None
        if not self._blind or max_output_tokens is not None:
            return await self._reserve(size_bytes, max_output_tokens)
        await self._first.acquire()
        try:
            reserved = await self._reserve(size_bytes, max_output_tokens)
            if self._blind:
                self._scout = reserved
            return reserved
        finally:
            if self._scout is None:
                self._first.release()

    def settle(
        self, reserved: Reservation | None, size_bytes: int, answered: Response | None, *, in_doubt: bool = False
    ) -> None:
        """The call has ended: with an answer, without one, or `in_doubt` whether somebody has to pay for it.

        Where the endpoint does not say what it used, and where that is in doubt, the estimate counts.
        """
        if self._budget is None or reserved is None:
            return
        if answered is not None:
            self._blind = False
            self._charge(self._budget, reserved, size_bytes, answered)
        elif in_doubt:
            self._budget.settle_as_reserved(reserved)
        else:
            self._budget.settle(reserved, 0, 0.0)
        if reserved is self._scout:
            self._scout = None
            self._first.release()

    def replayed(self, response: Response) -> None:
        """An answer that an earlier session has paid for, and that no result of it accounts for."""
        usage = response.completion.usage
        if self._budget is not None and usage is not None:
            cost_usd = self.cost_usd(response.completion, fallback=response.call.fallback)
            self._budget.charge(usage.input_tokens + usage.output_tokens, cost_usd or 0.0)

    def _charge(self, budget: Budget, reserved: Reservation, size_bytes: int, answered: Response) -> None:
        usage = answered.completion.usage
        if usage is None:
            budget.settle_as_reserved(reserved)
            return
        self._estimate.learn(size_bytes, usage.input_tokens, usage.output_tokens)
        price = self._fallback_price if answered.call.fallback else self._price
        budget.settle(reserved, usage.input_tokens + usage.output_tokens, _charged_usd(price, usage))

    async def _reserve(self, size_bytes: int, max_output_tokens: int | None) -> Reservation:
        assert self._budget is not None  # noqa: S101 - asked before
        tokens = self._estimate.tokens(size_bytes, max_output_tokens)
        input_tokens = min(tokens, self._estimate.tokens(size_bytes, 0))
        usage = Usage(input_tokens, tokens - input_tokens)
        # whoever answers: the dearer one is held back
        cost_usd = max(_charged_usd(self._price, usage), _charged_usd(self._fallback_price, usage))
        return await _reserved(self._budget, tokens, cost_usd)


class EmbeddingSpending:
    """Charges the calls of one embedder to the run's budget."""

    def __init__(self, section: Any, budget: Budget) -> None:
        self._price = find_price(section)
        self._budget = budget
        self._estimate = TokenEstimate()

    async def reserve(self, texts: Sequence[str]) -> Reservation:
        """Holds back what a call for these texts may cost; raises StoppedError when the budget is used up."""
        tokens = self._estimate.tokens(_size_bytes(texts), 0)
        return await _reserved(self._budget, tokens, _charged_usd(self._price, Usage(tokens, 0)))

    def settle(self, reserved: Reservation, texts: Sequence[str], usage: Usage | None, *, answered: bool) -> None:
        """The call has ended; where it was answered without its usage, the estimate counts."""
        if not answered:
            self._budget.settle(reserved, 0, 0.0)
        elif usage is None:
            self._budget.settle_as_reserved(reserved)
        else:
            self._estimate.learn(_size_bytes(texts), usage.input_tokens, 0)
            self._budget.settle(reserved, usage.input_tokens, _charged_usd(self._price, usage))


async def _reserved(budget: Budget, tokens: int, cost_usd: float) -> Reservation:
    reserved = await budget.reserve(tokens, cost_usd)
    if reserved is None:
        limits = {"max_tokens": budget.max_tokens, "max_cost_usd": budget.max_cost_usd}
        named = " or ".join(f"budget.{name}" for name, limit in limits.items() if limit is not None)
        raise StoppedError(budget.used_up(tokens, cost_usd), hint=f"raise {named}, then continue with --resume")
    return reserved


def _charged_usd(price: Price | None, usage: Usage) -> float:
    """What counts against the budget: the rates of shorter prompts, where a prompt is too long for the list."""
    if price is None:
        return 0.0  # only tokens are limited, or the run would not have begun
    cost_usd = price.cost_usd(usage)
    return price.rates.cost_usd(usage.input_tokens, usage.output_tokens) if cost_usd is None else cost_usd


def _size_bytes(texts: Sequence[str]) -> int:
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
