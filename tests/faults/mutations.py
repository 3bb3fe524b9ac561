"""Changes the store in one small place at a time, and says which changes no test notices.

    python -m tests.faults.mutations [--list] [--only FILE] [--kind removals|changes] [--sample N] [--record FOLDER]

`mutants.py` says what is changed; TMPDIR=/dev/shm makes it quicker. pytest collects the quick tests of tests/results/
once. A fork of it runs them all with a trace of the lines that each executes. Then one fork for each mutant changes the
function in memory and runs the tests that execute the line until one fails: the quickest first, and those that have
caught other mutants of the function. So a mutant costs little more than one test. test_kill.py is left out: what it
finds it finds by chance. A mutant under which every test passes has survived. Those in `mutations_equivalent.py` change
nothing that anybody can see; any other survivor is a hole in the tests. With `--record` a run goes on where an earlier
one was stopped.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType

import hypothesis
import pytest

from tests.faults.line_trace import LineTrace
from tests.faults.mutants import Defaults, Mutant, mutants
from tests.faults.mutations_equivalent import EQUIVALENT

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "evalperf" / "results"
FILES = (
    "append.py",
    "disk.py",
    "done.py",
    "facts.py",
    "frames.py",
    "intake.py",
    "journal.py",
    "lock.py",
    "manifest.py",
    "member.py",
    "parts.py",
    "reader.py",
    "recovery.py",
    "repair.py",
    "store.py",
    "walk.py",
)
MEMORY_BYTES = 4 << 30


def mutate(mutant: Mutant, functions: dict[tuple[str, str], FunctionType]) -> None:
    """From here on this process has the store with the change."""
    path = str(PACKAGE / mutant.file)
    module = compile(mutant.changed, path, "exec")
    (changed,) = (code for code in _codes(module) if code.co_qualname == mutant.function)
    functions[path, mutant.function].__code__ = changed


def _all_functions() -> dict[tuple[str, str], FunctionType]:
    """By file and qualified name."""
    functions = (thing for thing in gc.get_objects() if isinstance(thing, FunctionType))
    return {(function.__code__.co_filename, function.__code__.co_qualname): function for function in functions}


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


class Record:
    """What earlier runs have found: under which mutants no test fails, and which lines each test executes.

    That a mutant was caught holds for as long as no test is taken away; all else only for the very same tests.
    """

    def __init__(self, folder: Path, tests: str) -> None:
        self._verdicts = folder / "verdicts"
        self._verdicts.touch()
        self._known = set(self._verdicts.read_text(encoding="ascii").split())
        sources = sorted([*PACKAGE.glob("*.py"), *ROOT.glob("tests/results/*.py")])
        self._digest = hashlib.sha256(b"".join([tests.encode(), *(path.read_bytes() for path in sources)])).hexdigest()
        self.trace = folder / f"trace-{self._digest}.json"

    def survived(self, mutant: Mutant) -> bool | None:
        """None where it is not known."""
        return next(
            (survived for survived in (False, True) if self._key(mutant, survived=survived) in self._known), None
        )

    def add(self, mutant: Mutant, *, survived: bool) -> None:
        """Written at once."""
        with self._verdicts.open("a", encoding="ascii") as file:
            file.write(self._key(mutant, survived=survived) + "\n")

    def _key(self, mutant: Mutant, *, survived: bool) -> str:
        what = f"survived {self._digest}" if survived else "caught"
        return hashlib.sha256(f"{what} {mutant.file} {mutant.changed}".encode()).hexdigest()


class Mutations:
    """A pytest plugin: instead of running the tests once, runs them against each mutant."""

    def __init__(self, found: list[Mutant], record: Record) -> None:
        self._found = found
        self._record = record
        self._running = multiprocessing.Value("i", 0)
        """Which of its tests a fork runs."""
        self._catches: Counter[tuple[str, str]] = Counter()
        """By function and test."""
        self.survivors: set[str] = set()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("the tests can't be collected")
        tests, duration_s = self._trace(session)
        self._functions = _all_functions()
        for item in session.items:
            limit = pytest.mark.timeout(4 + 5 * duration_s[item.nodeid], method="thread")  # that ends the process
            item.add_marker(limit, append=False)
        gc.freeze()  # so that forks share all that is here
        for number, mutant in enumerate(self._found, start=1):
            lines = range(mutant.line, mutant.end + 1)
            executing = {test for line in lines for test in tests.get(f"{mutant.file}:{line}", ())}
            items = [item for item in session.items if item.nodeid in executing]
            items.sort(key=lambda i: duration_s[i.nodeid] / (1 + self._catches[mutant.function, i.nodeid]))
            if self._survives(mutant, items):
                self.survivors.add(mutant.name)
                known = EQUIVALENT.get(mutant.name, f"{len(items)} tests execute it")
                print(f"{number}/{len(self._found)} line {mutant.line}: {mutant.name} ({known})", flush=True)
        return True

    def _survives(self, mutant: Mutant, items: Sequence[pytest.Item]) -> bool:
        def work() -> int:
            mutate(mutant, self._functions)
            return self._run(items)

        survived = self._record.survived(mutant)
        if survived is None:
            survived = _exit_code(work, 1800) == 0
            self._record.add(mutant, survived=survived)
            if not survived:
                self._catches[mutant.function, items[self._running.value].nodeid] += 1
        return survived

    def _trace(self, session: pytest.Session) -> tuple[dict[str, list[str]], dict[str, float]]:
        def work() -> int:
            trace = LineTrace(str(PACKAGE / file) for file in FILES)
            session.config.pluginmanager.register(trace)
            code = self._run(session.items)
            if code == 0:
                self._record.trace.write_text(json.dumps([trace.tests, trace.duration_s]), encoding="utf-8")
            return code

        if not self._record.trace.exists() and _exit_code(work, 1800) != 0:
            raise session.Interrupted("a test fails without any change")
        print(f"{len(session.items)} tests pass and are traced", flush=True)
        tests, duration_s = json.loads(self._record.trace.read_text(encoding="utf-8"))
        return tests, duration_s

    def _run(self, items: Sequence[pytest.Item]) -> int:
        """0 if all of these tests pass, otherwise it is over with the first that does not."""
        for number, item in enumerate(items):
            self._running.value = number
            following = items[number + 1] if item is not items[-1] else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if item.session.testsfailed:
                return 1
        return 0


def _exit_code(work: Callable[[], int], limit_s: float) -> int | None:
    """Of a forked process that does this; None if it had to be killed."""

    def child() -> None:
        os.setsid()  # what it starts dies with it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        code = 1
        try:
            code = work()
        finally:
            os._exit(code)  # whatever threads a mutant has left behind

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(limit_s)
    code = process.exitcode
    if code is None:
        assert process.pid is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
    return code


def _chosen() -> tuple[argparse.Namespace, list[Mutant]]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true", help="only say what would be changed")
    parser.add_argument("--only", metavar="FILE", choices=FILES, action="append")
    parser.add_argument("--line", metavar="N", type=int, help="only what begins there")
    parser.add_argument("--kind", choices=["removals", "changes"], help="only statements removed, or all the others")
    parser.add_argument("--sample", metavar="N", type=int, help="only so many, chosen at random, always the same")
    parser.add_argument("--tests", metavar="PATH", default="tests/results", help="only these")
    parser.add_argument("--record", metavar="FOLDER", type=Path, help="keeps what is known by now; goes on from there")
    chosen = parser.parse_args()
    defaults = Defaults(path.read_text(encoding="utf-8") for path in sorted(PACKAGE.glob("*.py")))
    files = [file for file in FILES if file in (chosen.only or FILES)]
    found = [m for file in files for m in mutants(file, (PACKAGE / file).read_text(encoding="utf-8"), defaults)]
    found = [m for m in found if chosen.line in (None, m.line)]
    found = [m for m in found if chosen.kind in (None, "removals" if m.removal else "changes")]
    if chosen.sample is not None:
        found = random.Random(0).sample(found, min(chosen.sample, len(found)))
    return chosen, found


def main() -> None:
    """Prints every survivor; exits with 1 if one of them is not known to be equivalent, or one that is was caught."""
    chosen, found = _chosen()
    if chosen.list:
        print(*(f"{m.line}: {m.name}" for m in found), sep="\n")
        return
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]  # nobody reads a shrunk example
    hypothesis.settings.register_profile("mutations", derandomize=True, database=None, deadline=None, phases=phases)
    hypothesis.settings.load_profile("mutations")
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        plugin = Mutations(found, Record(chosen.record or Path(folder), chosen.tests))
        options = ["-q", "-s", "-n0", "--assert=plain", "-p", "no:cacheprovider", "--basetemp", f"{folder}/tests"]
        code = pytest.main([*options, chosen.tests, "--ignore", "tests/results/test_kill.py"], plugins=[plugin])
    if code:
        sys.exit("a test fails without any change, or can't be collected: nothing is known of any mutant")
    holes = plugin.survivors - EQUIVALENT.keys()
    wrong = {m.name for m in found if m.name in EQUIVALENT} - plugin.survivors
    caught = len(found) - len(plugin.survivors)
    print(f"\n{len(found)} mutants: {caught} caught, {len(plugin.survivors - holes)} equivalent, {len(holes)} holes")
    for name in sorted(wrong):
        print(f"is caught and yet listed as equivalent: {name}")
    sys.exit(1 if holes or wrong else 0)


if __name__ == "__main__":
    main()
