"""What the model allows at a place of the configuration: the annotations behind pydantic's error locations."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel

from evalperf.config.source import KeyPath

__all__ = ["Spot", "fields_of", "leaves", "locate", "sections_with", "tags_of"]


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A pydantic location without the names of union members, which stand in no file."""

    path: KeyPath
    annotation: Any
    """What the model wants there; Any where it does not know the key."""
    owner: type[BaseModel] | None
    """The section that the last key belongs to, where it belongs to one."""
    union_at: KeyPath | None = None
    """Where on the way the model offers a choice of types that no `type` decides."""
    is_key: bool = False
    """The fault is the key itself, not its value."""


def fields_of(model: type[BaseModel]) -> dict[str, Any]:
    """The keys of a section as they are written, each with its annotation."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def tags_of(annotation: Any) -> dict[str, type[BaseModel]]:
    """The members of a union that is decided by `type`, by their tags; empty for anything else."""
    members = _members(annotation)
    if len(members) < 2 or not all(_is_model(member) and "type" in member.model_fields for member in members):
        return {}
    return {tag: member for member in members for tag in get_args(member.model_fields["type"].annotation)}


def locate(model: type[BaseModel], location: tuple[str | int, ...]) -> Spot:
    """Walks the model along a location as pydantic reports it."""
    spot = Spot(path=(), annotation=model, owner=None)
    for part in location:
        spot = _step(spot, part)
    return spot


def _step(spot: Spot, part: str | int) -> Spot:
    members = _members(spot.annotation)
    if part == "[key]":
        return _at(spot, spot.path, spot.annotation, is_key=True)
    if tags := tags_of(spot.annotation):
        return _at(spot, spot.path, tags.get(str(part), Any))
    if len(members) > 1:
        return _at(spot, spot.path, _member_called(members, str(part)), union_at=spot.path)
    only = members[0] if members else Any
    path = (*spot.path, part)
    if _is_model(only):
        return _at(spot, path, fields_of(only).get(str(part), Any), owner=only)
    arguments = get_args(only)
    return _at(spot, path, arguments[-1] if get_origin(only) in (list, dict) else Any)


def _at(
    spot: Spot,
    path: KeyPath,
    annotation: Any,
    *,
    owner: type[BaseModel] | None = None,
    union_at: KeyPath | None = None,
    is_key: bool = False,
) -> Spot:
    union_at = spot.union_at if union_at is None else union_at
    return Spot(path=path, annotation=annotation, owner=owner, union_at=union_at, is_key=is_key)


def leaves(annotation: Any, value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, tuple[Any, ...], Any]]:
    """Every plain value of a tree with its path and the types that the model allows there."""
    tags = tags_of(annotation)
    members = (tags[value["type"]],) if isinstance(value, dict) and value.get("type") in tags else _members(annotation)
    if isinstance(value, dict):
        model = next((member for member in members if _is_model(member)), None)
        known = fields_of(model) if model else {}
        for key, item in value.items():
            yield from leaves(known.get(key, Any), item, (*path, key))
    elif isinstance(value, list):
        inner = next((get_args(member)[0] for member in members if get_origin(member) is list), Any)
        for index, item in enumerate(value):
            yield from leaves(inner, item, (*path, index))
    else:
        yield path, members, value


def sections_with(
    model: type[BaseModel], key: str, path: tuple[str, ...] = (), outside: tuple[type[BaseModel], ...] = ()
) -> set[str]:
    """The sections, as dotted paths, in which a key exists; what may stand inside its own kind is looked into once."""
    found = {".".join(path)} if key in fields_of(model) else set()
    around = (*outside, model)
    for name, annotation in fields_of(model).items():
        sections = list(_models_in(annotation))
        if not any(section in around for section in sections):
            for section in sections:
                found |= sections_with(section, key, (*path, name), around)
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    for member in _members(annotation):
        if _is_model(member):
            yield member
        elif get_origin(member) is list:
            yield from _models_in(get_args(member)[0])


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types of a union without None, and without what is only annotated on them."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(inner for member in get_args(annotation) for inner in _members(member))
    return () if annotation is type(None) else (annotation,)


def _member_called(members: tuple[Any, ...], label: str) -> Any:
    for member in members:
        name = get_origin(member) or member
        if name is not Literal and label.partition("[")[0] == getattr(name, "__name__", None):
            return member
    return Any


def _is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
