"""The JSON Schema of the configuration, for editors and for checks outside evalperf."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["SCHEMA_ID", "json_schema"]

SCHEMA_ID = "urn:evalperf:schema:config"
"""Names the schema; there is nothing to fetch."""


def json_schema() -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of a configuration; `${NAME}` is only covered where a text may stand."""
    from evalperf.config.model import RunConfig  # noqa: PLC0415 - pydantic takes 80 ms, which --help need not pay

    schema = RunConfig.model_json_schema(by_alias=True)
    _describe(schema, RunConfig)
    scorers = schema["properties"]["scorers"]
    scorers["items"] = {"anyOf": [_bare_names(scorers["items"], schema["$defs"]), scorers["items"]]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "evalperf configuration",
    }


def _bare_names(scorer: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The scorers that may be given by name alone: all that have nothing to say but their type."""
    by_type = {tag: definitions[ref.rpartition("/")[2]] for tag, ref in scorer["discriminator"]["mapping"].items()}
    names = [tag for tag, options in by_type.items() if options.get("required") == ["type"]]
    return {"enum": names, "description": "A scorer with its defaults."}


def _describe(schema: dict[str, Any], root: type[BaseModel]) -> None:
    """Puts the docstring below each field into the schema.

    pydantic can do that by itself, but then it reads the models' source at every import: 0.1 s of each run.
    """
    from pydantic import BaseModel  # noqa: PLC0415 - loaded by now

    models = {model.__name__: model for model in _subclasses(BaseModel)}
    for name, definition in [(root.__name__, schema), *schema["$defs"].items()]:
        model = models[name]
        texts = {field: text for base in reversed(model.__mro__) for field, text in _field_docstrings(base)}
        for field, info in model.model_fields.items():
            shown = definition.get("properties", {}).get(info.alias or field)
            if shown is not None and field in texts:
                shown["description"] = texts[field]


def _subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in model.__subclasses__():
        if child.__module__.startswith("evalperf."):
            yield child
        yield from _subclasses(child)


def _field_docstrings(model: type) -> Iterator[tuple[str, str]]:
    if not model.__module__.startswith("evalperf."):
        return
    (body,) = (node.body for node in ast.parse(inspect.getsource(model)).body if isinstance(node, ast.ClassDef))
    for statement, following in pairwise(body):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=field)), ast.Expr(value=ast.Constant(value=str(text))):
                yield field, inspect.cleandoc(text)
