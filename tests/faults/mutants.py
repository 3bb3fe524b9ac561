"""What may be changed in the store, one small thing at a time; `mutations.py` tries every change.

A statement is removed; a comparison, an operator or a constant becomes its neighbour; a condition is decided
beforehand; an argument that has a default is left out. Only inside functions. Words for people (strings with a blank,
f-strings) are left as they are, and so are types.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

SIMPLE = (
    ast.Expr
    | ast.Assign
    | ast.AnnAssign
    | ast.AugAssign
    | ast.Raise
    | ast.Delete
    | ast.Return
    | ast.Continue
    | ast.Break
)
NEIGHBOUR: dict[type[ast.AST], Callable[[], Any]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


class Mutant(NamedTuple):
    """One change."""

    file: str
    function: str
    """As in `__qualname__`; of nested ones the outermost."""
    line: int
    end: int
    removal: bool
    changed: str
    """The file's source with the change."""
    name: str
    """File, function and change; where a function has the same twice, the number of this one."""


class Defaults:
    """Which arguments may be left out when a name of the package is called, and of any other: all but the first."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._required: dict[str, int] = {}
        self._keywords: set[str] = set()
        for source in sources:
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.ClassDef):
                    self._learn_class(node)
                elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    self._learn(node.name, node.args)

    def calls(self, call: ast.Call) -> Iterator[ast.Call]:
        """The call with an argument less, in each way that it may be made."""
        name = ast.unparse(call.func).rpartition(".")[2]
        if any(isinstance(argument, ast.Starred) for argument in call.args):
            return
        if len(call.args) > self._required.get(name, 1):
            yield ast.Call(call.func, call.args[:-1], call.keywords)
        for keyword in call.keywords:
            if keyword.arg in self._keywords or name not in self._required:
                yield ast.Call(call.func, call.args, [other for other in call.keywords if other is not keyword])

    def _learn_class(self, node: ast.ClassDef) -> None:
        fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
        with_default = [field for field in fields if field.value is not None]
        self._required.setdefault(node.name, len(fields) - len(with_default))
        self._keywords.update(ast.unparse(field.target) for field in with_default)
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                self._learn(node.name, method.args)

    def _learn(self, name: str, arguments: ast.arguments) -> None:
        positional = [argument.arg for argument in arguments.args if argument.arg != "self"]
        required = len(positional) - len(arguments.defaults)
        self._required[name] = max(required, self._required.get(name, 0))  # others may be called the same
        self._keywords.update(positional[required:])
        given = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        self._keywords.update(argument.arg for argument, default in given if default is not None)


class _Change(NamedTuple):
    node: ast.stmt | ast.expr
    becomes: str
    shown: ast.stmt | ast.expr | ast.keyword
    """The stretch that tells a reader what it is about."""


def mutants(file: str, source: str, defaults: Defaults) -> Iterator[Mutant]:
    """Every change of every function, from top to bottom; none of them twice."""
    seen: Counter[str] = Counter()
    text = _Text(source)
    there = {source}
    for function, node in _functions(ast.parse(source), ""):
        for change in _changes(node, defaults):
            changed = text.replaced(change.node, change.becomes)
            if changed in there:
                continue
            there.add(changed)
            removal = change.becomes == "pass"
            name = f"{file}: {function}: {text.description(change)}"
            seen[name] += 1
            number = f" ({seen[name]})" if seen[name] > 1 else ""
            end = change.node.end_lineno or change.node.lineno
            yield Mutant(file, function, change.node.lineno, end, removal, changed, name + number)


class _Text:
    """A source by the positions that `ast` names: lines from 1, columns in bytes."""

    def __init__(self, source: str) -> None:
        self._bytes = source.encode()
        self._lines = [0, 0]
        for line in self._bytes.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def replaced(self, node: ast.stmt | ast.expr, by: str) -> str:
        start, end = self._range(node)
        return (self._bytes[:start] + by.encode() + self._bytes[end:]).decode()

    def description(self, change: _Change) -> str:
        start, end = self._range(change.node)
        first, last = self._range(change.shown)
        before = self._bytes[first:last].decode()
        if change.becomes == "pass":
            return ast.unparse(change.shown)
        after = before[: start - first] + change.becomes + before[end - first :]  # no shown code has wider characters
        return " ".join(f"{before} → {after}".split())

    def _range(self, node: ast.stmt | ast.expr | ast.keyword) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.lineno] + node.col_offset, self._lines[node.end_lineno] + node.end_col_offset


def _functions(node: ast.AST, outer: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{outer}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield outer + child.name, child


def _changes(function: ast.FunctionDef | ast.AsyncFunctionDef, defaults: Defaults) -> Iterator[_Change]:
    for node, parent in _inside(function):
        if isinstance(node, SIMPLE | ast.Assert):
            if not _says_nothing(node):
                yield _Change(node, "pass", node)
            yield from (_Change(node, becomes, node) for becomes in _other_statements(node, function.body[-1]))
        elif isinstance(node, ast.Call):
            yield from (_Change(node, ast.unparse(call), node) for call in defaults.calls(node))
        elif isinstance(node, ast.Constant):
            if isinstance(parent, ast.expr | ast.keyword | SIMPLE) and not isinstance(parent, ast.Expr):
                shown = node if isinstance(parent, ast.Dict | ast.Tuple) else parent
                yield from (_Change(node, repr(value), shown) for value in _other_values(node.value))
        elif isinstance(node, ast.expr):
            yield from (_Change(node, f"({ast.unparse(other)})", node) for other in _other_expressions(node))
        for condition, values in _conditions(node):
            yield from (_Change(condition, value, condition) for value in values)


def _says_nothing(node: ast.stmt) -> bool:
    """A docstring, or the type of a name."""
    if isinstance(node, ast.AnnAssign):
        return node.value is None
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _inside(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """All that may be changed, with what it belongs to."""
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "args" if isinstance(node, ast.FunctionDef) else ""}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                yield child, node
                if not isinstance(child, ast.Assert):
                    yield from _inside(child)


def _other_statements(node: ast.stmt, last: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Break):
        yield "continue"
    elif isinstance(node, ast.Continue):
        yield "break"
    elif isinstance(node, ast.AugAssign):
        yield f"{ast.unparse(node.target)} {_sign(node.op)}= {ast.unparse(node.value)}"
    elif isinstance(node, ast.Return) and node is not last and not _is_false(node.value):  # there it is as removal
        yield "return None"


def _is_false(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and not value.value)


def _sign(op: ast.operator) -> str:
    return ast.unparse(ast.BinOp(ast.Name(""), NEIGHBOUR[type(op)](), ast.Name(""))).strip()


def _other_expressions(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, operators, right):
            for n, operator in enumerate(operators):
                yield ast.Compare(left, [*operators[:n], NEIGHBOUR[type(operator)](), *operators[n + 1 :]], right)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(NEIGHBOUR[type(operator)](), values)
        case ast.BinOp(left, operator, right) if type(operator) in NEIGHBOUR:
            yield ast.BinOp(left, NEIGHBOUR[type(operator)](), right)
        case ast.UnaryOp(ast.Not() | ast.Invert(), operand):
            yield operand


def _other_values(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, float):
        yield value * 2
    elif isinstance(value, bytes):
        yield value + b"x"
    elif isinstance(value, str) and " " not in value:
        yield value + "x"


def _conditions(node: ast.AST) -> Iterator[tuple[ast.expr, Sequence[str]]]:
    """With what they may be decided to be; a loop that never ends would show nothing."""
    if isinstance(node, ast.If | ast.IfExp):
        yield node.test, ("True", "False")
    elif isinstance(node, ast.While):
        yield node.test, ("False",)
    elif isinstance(node, ast.comprehension):
        yield from ((condition, ("True", "False")) for condition in node.ifs)
