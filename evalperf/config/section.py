"""What all sections of the configuration share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["Name", "PositiveS", "Section"]

Name = Annotated[str, StringConstraints(pattern=r"^[\w][\w .:@+-]*$", max_length=100)]
PositiveS = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """Frozen, strict about keys, and documented in the JSON Schema by its field descriptions."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
