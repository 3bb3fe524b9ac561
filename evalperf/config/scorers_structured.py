"""The options of the scorers for answers in a format: JSON, XML, YAML, SQL."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from evalperf.config.scorer_options import Fences, ScorerOptions, TargetScorer

__all__ = ["JsonEqualScorer", "JsonSchemaScorer", "JsonValidScorer", "SqlScorer", "XmlValidScorer", "YamlValidScorer"]


class _FormatScorer(ScorerOptions):
    fences: Fences = False
    """`true` takes off a ``` fence around the whole answer, `anywhere` takes what stands in the last fence of it."""


class JsonValidScorer(_FormatScorer):
    """The answer is a JSON text, and nothing else."""

    type: Literal["json_valid"]
    root: Literal["any", "object", "array", "container"] = "any"
    """What it must be; a `container` is an object or an array."""
    required: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)] | None = None
    """Names that must be in it; dots reach into objects."""


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

    @property
    def needs_target(self) -> bool:
        """Always."""
        return True


class JsonSchemaScorer(_FormatScorer):
    """The answer is JSON that a JSON Schema (draft 2020-12) accepts."""

    type: Literal["json_schema"]
    schema_: dict[str, Any] | bool | str | None = Field(default=None, alias="schema")
    """The schema, or the path of its file; absent, the case's target is the schema."""

    @property
    def needs_target(self) -> bool:
        """As the schema."""
        return self.schema_ is None


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


class SqlScorer(TargetScorer):
    """The answer is the same SQL as a target, however both are written."""

    type: Literal["sql"]
    dialect: Annotated[str, Field(min_length=1)] | None = None
    """How it is read, by sqlglot's names: postgres, mysql, sqlite, bigquery, …; absent, its own tolerant mixture."""
    simplify: bool = False
    """Bring conditions to a normal form first: `a AND b` then equals `b AND a`."""
    fences: Fences = False
    """`true` takes off a ``` fence around the whole answer, `anywhere` takes what stands in the last fence of it."""
