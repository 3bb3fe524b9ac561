"""What all sections of the configuration share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["Name", "PositiveS", "Section"]

Name = Annotated[str, StringConstraints(pattern=r"^[\w][\w .:@+-]*$", max_length=100)]
PositiveS = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """Frozen, strict about keys; the docstring below a field is its description in the JSON Schema."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
