"""The options of the scorers for answers in a format: JSON, XML, YAML."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from evalperf.config.scorer_options import ScorerOptions

__all__ = ["JsonEqualScorer", "JsonSchemaScorer", "JsonValidScorer", "XmlValidScorer", "YamlValidScorer"]


class _FormatScorer(ScorerOptions):
    fences: bool = False
    """Whether a ``` fence around the whole answer is taken off first."""


class JsonValidScorer(_FormatScorer):
    """The answer is a JSON text, and nothing else."""

    type: Literal["json_valid"]
    root: Literal["any", "object", "array", "container"] = "any"
    """What it must be; a `container` is an object or an array."""


class JsonEqualScorer(_FormatScorer):
    """The answer holds the same JSON value as a target, however both are written."""

    type: Literal["json_equal"]
    arrays: Literal["ordered", "unordered"] = "ordered"
    """Whether the order of an array's elements counts."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Largest absolute difference of two numbers."""
    relative_tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Largest difference of two numbers as a share of the target's."""
    measure: Literal["equal", "similarity"] = "equal"
    """`equal`: 1 or 0; `similarity`: how much of the values is the same, from 0 to 1."""

    @model_validator(mode="after")
    def _one_to_one(self) -> JsonEqualScorer:
        if self.measure == "similarity" and self.arrays == "unordered":
            raise ValueError('"similarity" compares arrays element by element: leave out "arrays": "unordered"')
        return self


class JsonSchemaScorer(_FormatScorer):
    """The answer is JSON that a JSON Schema (draft 2020-12) accepts."""

    type: Literal["json_schema"]
    schema_: dict[str, Any] | bool | str | None = Field(default=None, alias="schema")
    """The schema, or the path of its file; absent, the case's target is the schema."""


class XmlValidScorer(_FormatScorer):
    """The answer is a well-formed XML document without a document type definition."""

    type: Literal["xml_valid"]
    root: Annotated[str, Field(min_length=1)] | None = None
    """The name that the outermost element must have."""


class YamlValidScorer(_FormatScorer):
    """The answer is YAML without aliases."""

    type: Literal["yaml_valid"]
    root: Literal["any", "mapping", "sequence", "collection"] = "any"
    """What each document must be; with `any`, nearly all prose is YAML. A `collection` is a mapping or a sequence."""
