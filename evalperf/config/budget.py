"""What a run may spend, and what tokens cost."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from evalperf.config.section import PositiveS, Section

__all__ = ["BudgetConfig", "PricesConfig"]

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PricesConfig(Section):
    """US dollars for a million tokens."""

    input_usd_per_mtok: Dollars
    output_usd_per_mtok: Dollars


class BudgetConfig(Section):
    """Limits on what a run spends, judges included; a run that reaches one ends as it stands and can be resumed."""

    max_cost_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Dollars; needs a price for every model that is asked."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Input and output tokens."""
    deadline_s: PositiveS | None = None
    """Seconds from the start of a session on; calls under way may still end."""
