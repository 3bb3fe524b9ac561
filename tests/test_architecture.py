"""The house is as CONTRIBUTING.md draws it: layers, rooms, sizes, names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.architecture import problems

PACKAGE = Path(__file__).resolve().parents[1] / "evalperf"

LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {
    "simulator/problems/stories.py:steps": "a table of sentences, one a problem",
    "simulator/problems/stories.py:distractors": "a table of sentences, one a problem",
}


def test_the_tree_breaks_no_rule() -> None:
    assert problems(PACKAGE, long_files=LONG_FILES, long_functions=LONG_FUNCTIONS) == []


FAULTS = {
    "an import upwards": ("cases/x.py", "from evalperf.pipeline.pool import Pool\n", "imports upwards"),
    "a part that knows another": ("scorers/x.py", "from evalperf.results import Store\n", "knows the part"),
    "typer outside its room": ("stats/x.py", "import typer\n", "imports typer"),
    "the HTTP parser outside its room": ("stats/x.py", "import httptools\n", "imports httptools"),
    "a late import in a function": ("stats/x.py", "def _f():\n    import rich.live\n", "imports rich"),
    "pickle anywhere": ("results/x.py", "import pickle\n", "imports pickle"),
    "a part of pickle": ("cache/x.py", "def _f():\n    from pickle import loads\n", "imports pickle"),
    "marshal anywhere": ("cache/x.py", "import marshal\n", "imports marshal"),
    "a shelf of pickles": ("cache/x.py", "import shelve\n", "imports shelve"),
    "what pickles for its callers": (
        "cache/x.py",
        "from multiprocessing import reduction\n",
        "imports multiprocessing",
    ),
    "a clock read elsewhere": ("results/x.py", "import time\n", "imports time"),
    "the date read elsewhere": ("results/x.py", "x = datetime.now()\n", "reads the clock"),
    "the environment read elsewhere": ("providers/x.py", "import os\nkey = os.environ['K']\n", "environment"),
    "a print": ("pipeline/x.py", "print('hello')\n", "calls print"),
    "an eval": ("cases/x.py", "x = eval('1')\n", "calls eval"),
    "an exec": ("cases/x.py", "exec('x = 1')\n", "calls exec"),
    "process-wide state": ("stats/x.py", "def _f():\n    global x\n    x = 1\n", "process-wide"),
    "a file that is too long": ("stats/x.py", "x = 1\n" * 301, "301 lines"),
    "a function that is too long": ("stats/x.py", "def _f():\n" + "    x = 1\n" * 41, "_f has 42 lines"),
    "too many positional parameters": ("stats/x.py", "def _f(a, b, c, d, e, f): ...\n", "positional"),
    "a mood for a name": ("stats/x.py", "__all__ = []\nclass SketchManager:\n    ...\n", "mood"),
    "a file named utils": ("stats/utils.py", "", "says nothing"),
    "public names without a list": ("stats/x.py", "def mean():\n    '''Mean.'''\n", "no __all__"),
    "a public name without a docstring": ("stats/x.py", "__all__ = ['mean']\ndef mean(): ...\n", "no docstring"),
    "a room that nobody drew": ("extras/x.py", "", "belongs to no layer"),
    "a relative import upwards": ("stats/x.py", "from evalperf import run\n", "imports upwards"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    name, text, expected = FAULTS[fault]
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    found = problems(tmp_path, long_files={}, long_functions={})
    assert any(expected in problem for problem in found), found


def test_a_ring_of_imports_is_found(tmp_path: Path) -> None:
    """Three modules of one part that import each other."""
    for name, target in (("a", "b"), ("b", "c"), ("c", "a")):
        path = tmp_path / "stats" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"import evalperf.stats.{target}\n")
    found = problems(tmp_path, long_files={}, long_functions={})
    assert "import cycle: stats.a -> stats.b -> stats.c -> stats.a" in found
