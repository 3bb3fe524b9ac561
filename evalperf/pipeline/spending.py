"""What the calls of a run cost, and how far its budget goes."""

from __future__ import annotations

from evalperf.config.model import AnswerProvider
from evalperf.errors import StoppedError
from evalperf.pricing import Price, find_price
from evalperf.records import Completion, Usage
from evalperf.resilience import Budget, Reservation, TokenEstimate

__all__ = ["Spending"]


class Spending:
    """Prices the calls to one model and charges them to the run's budget, if it has one."""

    def __init__(self, provider: AnswerProvider, budget: Budget | None) -> None:
        self.price: Price | None = find_price(provider)
        self._budget = budget
        self._estimate = TokenEstimate()

    def cost_usd(self, completion: Completion) -> float | None:
        """What the answer has cost; None where the price or the usage is not known."""
        return None if self.price is None else self.price.cost_usd(completion.usage)

    async def reserve(self, size_bytes: int, max_output_tokens: int | None) -> Reservation | None:
        """Holds back what the call may cost; None where nothing is limited. Raises StoppedError when it is used up."""
        if self._budget is None:
            return None
        tokens = self._estimate.tokens(size_bytes, max_output_tokens)
        reserved = await self._budget.reserve(tokens, self._tokens_usd(size_bytes, tokens))
        if reserved is None:
            raise StoppedError(self._budget.used_up(), hint="raise the budget, then continue with --resume")
        return reserved

    def settle(self, reserved: Reservation | None, size_bytes: int, completion: Completion | None) -> None:
        """The call has ended, with an answer or without one.

        Where the endpoint does not say what it used, the estimate counts.
        """
        if self._budget is None or reserved is None:
            return
        if completion is None:
            self._budget.settle(reserved, 0, 0.0)
        elif completion.usage is None:
            self._budget.settle(reserved, reserved.tokens, reserved.cost_usd)
        else:
            usage: Usage = completion.usage
            self._estimate.learn(size_bytes, usage.input_tokens, usage.output_tokens)
            cost_usd = 0.0 if self.price is None else self.price.tokens_usd(usage.input_tokens, usage.output_tokens)
            self._budget.settle(reserved, usage.input_tokens + usage.output_tokens, cost_usd)

    def _tokens_usd(self, size_bytes: int, tokens: int) -> float:
        if self.price is None:
            return 0.0
        input_tokens = min(tokens, self._estimate.tokens(size_bytes, 0))
        return self.price.tokens_usd(input_tokens, tokens - input_tokens)
