"""Reads a source tree with `ast` and tells what breaks the rules of the house. No code of the tree is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

LAYERS: dict[str, int] = {
    **dict.fromkeys(["errors", "records", "events", "figures", "clock", "lines", "atomic", "ownership"], 0),
    **dict.fromkeys(["config", "plugins"], 1),
    **dict.fromkeys(
        [
            "cases",
            "providers",
            "resilience",
            "cache",
            "scorers",
            "results",
            "stats",
            "monitor",
            "dashboard",
            "tuning",
            "report",
            "bench",
            "simulator",
            "pricing",
        ],
        2,
    ),
    "pipeline": 3,
    "engines": 4,
    **dict.fromkeys(
        [
            "run",
            "directory",
            "plan",
            "fingerprint",
            "learned",
            "spent",
            "costs",
            "interrupt",
            "sizing",
            "summarise",
            "folded",
            "own_places",
            "rescore",
            "resumed",
            "reading",
            "tune",
            "tune_asking",
            "tune_plan",
            "resources",
        ],
        5,
    ),
    "explain_key": 5,
    "estimate": 5,
    **dict.fromkeys(["cli", "__main__"], 6),
    "__init__": 7,
}
PARTS = {name for name, layer in LAYERS.items() if layer == 2}

ROOMS: dict[str, tuple[str, ...]] = {
    "typer": ("cli/",),
    "rich": ("dashboard/", "cli/", "report/terminal"),
    "aiohttp": ("simulator/",),
    "httptools": ("providers/",),
    "uvloop": ("clock.py",),
    "aiofiles": ("lines/", "results/", "cases/"),
    "isal": ("lines/", "results/", "cache/"),
    "zstandard": ("lines/",),
    "tqdm": ("dashboard/",),
    "psutil": ("pipeline/sampler.py", "tuning/"),
    "jinja2": ("cases/",),
    "regex": ("scorers/", "cases/"),
    "jsonschema": ("scorers/", "config/"),
    "pydantic": ("config/",),
    "yaml": ("config/", "scorers/"),
    "sqlite3": ("cases/", "providers/replay", "cache/", "results/"),
    "time": ("clock.py",),
    "subprocess": ("scorers/",),
    "redis": ("cache/redis",),
    "numpy": ("cache/vectors", "providers/embedding_local", "providers/safetensors"),
    "tokenizers": ("providers/embedding_local",),
    "multiprocessing": ("scorers/process_lanes", "scorers/worker_process"),  # it pickles between our own processes
    "pickle": (),
    "marshal": (),
    "shelve": (),
    "dill": (),
}
"""A library may only be imported under these paths."""

BAD_NAME = re.compile(r"(Manager|Helper|Optimized|Advanced|Enhanced|Smart)$|^(Optimized|Advanced|Enhanced|Smart)")
BAD_FILES = {"utils.py", "common.py", "helpers.py", "misc.py", "models.py"}
CLOCK_READS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40


def problems(package: Path, *, long_files: dict[str, str], long_functions: dict[str, str]) -> list[str]:
    """Every breach under the package's folder; the two dictionaries hold exceptions with their reasons."""
    found: list[str] = []
    edges: dict[str, set[str]] = {}
    paths = sorted(package.rglob("*.py"))
    modules = {_module(path.relative_to(package).as_posix()) for path in paths}
    for path in paths:
        name = path.relative_to(package).as_posix()
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        found += _sizes(name, text, tree, long_files, long_functions)
        found += _imports(name, tree)
        found += _calls(name, tree)
        found += _names(name, tree)
        edges[_module(name)] = {target for target, _ in _own_imports(tree, modules) if target != _module(name)}
    return [*found, *_cycles(edges)]


def _module(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _room(module: str) -> str:
    return module.split(".")[0]


def _sizes(
    name: str, text: str, tree: ast.Module, long_files: dict[str, str], long_functions: dict[str, str]
) -> Iterator[str]:
    lines = text.count("\n")
    if lines > MAX_FILE_LINES and name not in long_files:
        yield f"{name}: {lines} lines (at most {MAX_FILE_LINES})"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1 - _docstring_lines(node)
            if size > MAX_FUNCTION_LINES and f"{name}:{node.name}" not in long_functions:
                yield f"{name}:{node.lineno}: {node.name} has {size} lines (at most {MAX_FUNCTION_LINES})"
            positional = len([a for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in ("self", "cls")])
            if positional > 5 and not name.startswith("cli/"):
                yield f"{name}:{node.lineno}: {node.name} takes {positional} positional parameters (at most 5)"


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return (first.end_lineno or first.lineno) - first.lineno + 1
    return 0


def _own_imports(tree: ast.AST, modules: Collection[str] = ()) -> Iterator[tuple[str, int]]:
    """The package's own modules that a file imports, as (dotted name below evalperf, line).

    A name imported from a package means the module of that name, if `modules` has one.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "evalperf":
                yield from ((alias.name, node.lineno) for alias in node.names if not alias.name.startswith("__"))
            elif node.module.startswith("evalperf."):
                package = node.module.removeprefix("evalperf.")
                for alias in node.names:
                    inside = f"{package}.{alias.name}"
                    yield (inside if inside in modules else package), node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("evalperf."):
                    yield alias.name.removeprefix("evalperf."), node.lineno


def _imports(name: str, tree: ast.Module) -> Iterator[str]:
    own_room = _room(_module(name)) if name != "__init__.py" else "__init__"
    if own_room not in LAYERS:
        yield f"{name}: belongs to no layer"
        return
    for target, line in _own_imports(tree):
        room = _room(target)
        if room not in LAYERS:
            yield f"{name}:{line}: imports {target}, which belongs to no layer"
        elif LAYERS[room] > LAYERS[own_room]:
            yield f"{name}:{line}: imports upwards: {target}"
        elif room in PARTS and own_room in PARTS and room != own_room:
            yield f"{name}:{line}: the part {own_room} knows the part {room}"
    for node in ast.walk(tree):
        for library in _libraries(node):
            if library in ROOMS and not name.startswith(ROOMS[library]):
                yield f"{name}:{node.lineno}: imports {library}, whose room is {' '.join(ROOMS[library]) or 'nowhere'}"


def _libraries(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            yield "relative import"
        elif node.module:
            yield node.module.split(".")[0]


def _calls(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "eval", "exec"}:
            yield f"{name}:{node.lineno}: calls {node.func.id}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            read = (node.value.id, node.attr)
            if read in {("os", "environ"), ("os", "getenv")} and not name.startswith(("config/load.py", "cli/")):
                yield f"{name}:{node.lineno}: reads the environment"
            if read in CLOCK_READS and name != "clock.py":
                yield f"{name}:{node.lineno}: reads the clock"
        if isinstance(node, ast.Global):
            yield f"{name}:{node.lineno}: keeps process-wide state"


def _names(name: str, tree: ast.Module) -> Iterator[str]:
    if name.rsplit("/", 1)[-1] in BAD_FILES:
        yield f"{name}: the name says nothing"
    public = _declared(tree)
    if public is None and name != "__main__.py" and _defines(tree):
        yield f"{name}: has no __all__"
    if public is not None and public != sorted(set(public), key=_ruff_order):
        yield f"{name}: __all__ is not sorted"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and BAD_NAME.search(node.name):
            yield f"{name}:{node.lineno}: class {node.name} is named after a mood"
    if public is not None:
        for node in tree.body:
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name in public
            if named and ast.get_docstring(node) is None:
                yield f"{name}:{node.lineno}: {node.name} is public and has no docstring"


def _ruff_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest: the order that the formatter gives `__all__`."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _declared(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return [str(ast.literal_eval(item)) for item in getattr(node.value, "elts", [])]
    return None


def _defines(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree.body)


def _cycles(edges: dict[str, set[str]]) -> Iterator[str]:
    """Modules that import each other in a ring, found by depth-first search; an import of a package means its files."""
    state: dict[str, int] = {}

    def visit(module: str, trail: tuple[str, ...]) -> Iterator[str]:
        state[module] = 1
        for target in sorted(edges.get(module, ())):
            if target not in edges:
                continue
            if state.get(target) == 1:
                ring = (*trail[trail.index(target) :], target) if target in trail else (module, target)
                yield f"import cycle: {' -> '.join(ring)}"
            elif target not in state:
                yield from visit(target, (*trail, target))
        state[module] = 2

    for module in sorted(edges):
        if module not in state:
            yield from visit(module, (module,))
