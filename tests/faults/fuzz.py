"""Coverage-guided fuzzing of the readers of strangers' bytes.

    python -m tests.faults.fuzz TARGET --runs N [--seed S] [--corpus FOLDER]

TARGET: cases, config, events, segment, journal. Needs atheris, which has wheels for CPython 3.11 to 3.13 on Linux and
is no dependency: pip install atheris. A finding ends the process with a code other than 0 and leaves its bytes in a
file `finding-TARGET` of the present folder; keep it as a test. test_fuzz.py tries the same rules without atheris.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["evalperf"]):
    from tests.faults import fuzz_targets

MAX_INPUT_BYTES = 4_096
LONGEST_S = 10
MOST_MB = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzzes one reader.")
    parser.add_argument("target", choices=fuzz_targets.TARGETS)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="a folder that keeps what reached new code")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evalperf-corpus-") as folder:
        _fuzz(arguments, Path(folder))


def _fuzz(arguments: argparse.Namespace, folder: Path) -> None:
    seeds, tokens = folder / "seeds", folder / "tokens"
    seeds.mkdir()
    for number, seed in enumerate(fuzz_targets.SEEDS[arguments.target]):
        (seeds / str(number)).write_bytes(seed)
    tokens.write_text("".join(f'"{token}"\n' for token in map(_escaped, fuzz_targets.TOKENS)))
    corpora = [str(seeds)]
    if arguments.corpus is not None:
        arguments.corpus.mkdir(parents=True, exist_ok=True)
        corpora.insert(0, str(arguments.corpus))
    limits = [f"-max_len={MAX_INPUT_BYTES}", f"-timeout={LONGEST_S}", f"-rss_limit_mb={MOST_MB}"]
    options = [f"-runs={arguments.runs}", f"-seed={arguments.seed}", f"-dict={tokens}", *limits]
    atheris.Setup([sys.argv[0], *options, *corpora], _keeping_findings(arguments.target))
    atheris.Fuzz()  # ends the process


def _keeping_findings(name: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        try:
            fuzz_targets.TARGETS[name](data)
        except BaseException:
            Path(f"finding-{name}").write_bytes(data)
            raise

    return target


def _escaped(token: bytes) -> str:
    """As libFuzzer's dictionaries write bytes."""
    return "".join(f"\\x{byte:02x}" for byte in token)


if __name__ == "__main__":
    main()
