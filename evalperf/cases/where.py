"""`cases.where`: an expression on the fields of a line, compiled to closures; no code is ever evaluated.

    category == "math" and difficulty >= 3
    "hard" in tags or len(input) > 2000
    source.name.startswith("wiki") and not lower(answer) in ["yes", "no"]

A field that a line does not have is None. Dots and `[...]` reach inside; `fields["odd name"]` takes any name.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from evalperf.cases.rejected import BadRecordError
from evalperf.errors import ConfigError

__all__ = ["parse_where"]

MAX_CHARS = 2_000
_WINDOW_CHARS = 60
"""On each side of a fault that an error shows."""

_Value = Callable[[Mapping[str, Any]], Any]

_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: left is not None and right is not None and compare(left, right)


_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: right is not None and left in right,
    ast.NotIn: lambda left, right: right is None or left not in right,
}


def _numeric(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Numbers only: a text times a number could fill the memory, and `%` formats texts."""

    def checked(left: Any, right: Any) -> Any:
        for side in (left, right):
            if not isinstance(side, int | float):
                raise TypeError(f"can't calculate with {_named(side)}")
        return compute(left, right)

    return checked


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _numeric(operator.add),
    ast.Sub: _numeric(operator.sub),
    ast.Mult: _numeric(operator.mul),
    ast.Div: _numeric(operator.truediv),
    ast.FloorDiv: _numeric(operator.floordiv),
    ast.Mod: _numeric(operator.mod),
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.Not: operator.not_, ast.USub: operator.neg}


def _of_text(method: str) -> Callable[..., Any]:
    """A text's method as a function; on None (an absent field) it is None, which counts as false."""

    def call(text: Any, *arguments: Any) -> Any:
        if text is None:
            return None
        if not isinstance(text, str):
            raise TypeError(f"{method}() needs a text, found {_named(text)}")
        return getattr(str, method)(text, *arguments)

    return call


_FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "len": (lambda value: 0 if value is None else len(value), 1),
    "lower": (_of_text("lower"), 1),
    "upper": (_of_text("upper"), 1),
    "strip": (_of_text("strip"), 1),
    "startswith": (_of_text("startswith"), 2),
    "endswith": (_of_text("endswith"), 2),
    "int": (lambda value: None if value is None else int(value), 1),
    "float": (lambda value: None if value is None else float(value), 1),
    "str": (lambda value: None if value is None else str(value), 1),
    "abs": (lambda value: None if value is None else abs(value), 1),
}
"""Name → (function, number of arguments); each also works as a method of its first argument."""


def parse_where(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """The test that the expression stands for; raises ConfigError with a caret under what is wrong.

    The test raises BadRecordError where a line's values don't fit the expression ("3" > 2).
    """
    if len(text) > MAX_CHARS:
        raise ConfigError(f"cases.where is longer than {MAX_CHARS} characters")
    text = text.strip().replace("\r", " ").replace("\n", " ")
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise _fault(text, error.offset - 1 if error.offset else len(text), error.msg) from None
    except (ValueError, RecursionError, MemoryError):
        raise _fault(text, 0, "too deeply nested, or no text") from None
    value = _Compiler(text).compile(tree.body)

    def holds(record: Mapping[str, Any]) -> bool:
        try:
            return bool(value(record))
        except (TypeError, ValueError, ArithmeticError) as error:
            hint = "make the expression hold for all lines, for example with int(field) or str(field)"
            raise BadRecordError(f"cases.where can't be decided: {error}", hint=hint) from error

    return holds


class _Compiler:
    """Turns each allowed kind of node into a closure, and refuses every other kind."""

    def __init__(self, text: str) -> None:
        self._text = text

    def compile(self, node: ast.expr) -> _Value:
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise self._fault(node, "this is not allowed here")
        compiled: _Value = method(node)
        return compiled

    def _constant(self, node: ast.Constant) -> _Value:
        value = node.value
        if isinstance(value, bytes | complex) or value is ...:
            raise self._fault(node, "only texts, numbers, true, false and null")
        return lambda _record: value

    def _name(self, node: ast.Name) -> _Value:
        name = node.id
        if name in _CONSTANTS:
            constant = _CONSTANTS[name]
            return lambda _record: constant
        if name == "fields":
            return lambda record: record.get("fields", record)
        return lambda record: record.get(name)

    def _attribute(self, node: ast.Attribute) -> _Value:
        inner, name = self.compile(node.value), node.attr
        return lambda record: _member(inner(record), name)

    def _subscript(self, node: ast.Subscript) -> _Value:
        inner, key = self.compile(node.value), self.compile(node.slice)
        return lambda record: _member(inner(record), key(record))

    def _list(self, node: ast.List | ast.Tuple) -> _Value:
        items = [self.compile(item) for item in node.elts]
        return lambda record: [item(record) for item in items]

    _tuple = _list

    def _boolop(self, node: ast.BoolOp) -> _Value:
        parts = [self.compile(part) for part in node.values]
        if isinstance(node.op, ast.And):
            return lambda record: all(part(record) for part in parts)
        return lambda record: any(part(record) for part in parts)

    def _unaryop(self, node: ast.UnaryOp) -> _Value:
        compute, inner = _UNARY.get(type(node.op)), self.compile(node.operand)
        if compute is None:
            raise self._fault(node, "this operator is not allowed here")
        return lambda record: compute(inner(record))

    def _binop(self, node: ast.BinOp) -> _Value:
        compute = _ARITHMETIC.get(type(node.op))
        if compute is None:
            raise self._fault(node, "this operator is not allowed here")
        left, right = self.compile(node.left), self.compile(node.right)

        def calculated(record: Mapping[str, Any]) -> Any:
            one, other = left(record), right(record)
            return None if one is None or other is None else compute(one, other)

        return calculated

    def _compare(self, node: ast.Compare) -> _Value:
        steps = [(_COMPARE[type(op)], self.compile(part)) for op, part in zip(node.ops, node.comparators, strict=True)]
        first = self.compile(node.left)
        if len(steps) == 1:
            compare, second = steps[0]
            return lambda record: compare(first(record), second(record))

        def chained(record: Mapping[str, Any]) -> bool:
            left = first(record)
            for compare, part in steps:
                right = part(record)
                if not compare(left, right):
                    return False
                left = right
            return True

        return chained

    def _call(self, node: ast.Call) -> _Value:
        if isinstance(node.func, ast.Attribute):
            name, arguments = node.func.attr, [node.func.value, *node.args]
        elif isinstance(node.func, ast.Name):
            name, arguments = node.func.id, node.args
        else:
            raise self._fault(node, "this can't be called")
        if name not in _FUNCTIONS:
            raise self._fault(node, f'there is no function "{name}"; there are {", ".join(_FUNCTIONS)}')
        function, count = _FUNCTIONS[name]
        if node.keywords or len(arguments) != count:
            raise self._fault(node, f"{name}() takes {count} argument{'s' if count > 1 else ''}")
        compiled = [self.compile(argument) for argument in arguments]
        return lambda record: function(*[argument(record) for argument in compiled])

    def _fault(self, node: ast.expr, reason: str) -> ConfigError:
        return _fault(self._text, len(self._text.encode()[: node.col_offset].decode()), reason)


def _member(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list | str) and type(key) is int and -len(value) <= key < len(value):
        return value[key]
    return None


def _named(value: Any) -> str:
    kinds: dict[type[Any], str] = {dict: "an object", list: "a list", str: "a text"}
    return kinds.get(type(value), "something else")


def _fault(text: str, column: int, reason: str) -> ConfigError:
    start = max(column - _WINDOW_CHARS, 0)
    before, after = text[start:column], text[column : column + _WINDOW_CHARS]
    before, after = "…" * (start > 0) + before, after + "…" * (column + len(after) < len(text))
    return ConfigError(
        f"cases.where:{column + 1}: {reason}\n  {before}{after}\n  {' ' * len(before)}^",
        hint="""fields, comparisons, and/or/not, in and + - * / work: category == "math" and difficulty >= 3""",
    )
