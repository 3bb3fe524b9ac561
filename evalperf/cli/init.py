"""`evalperf init`: a configuration to start from, with cases that it runs on at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalperf.cli.console import write
from evalperf.errors import ConfigError, OutputError

__all__ = ["init"]

_CONFIG = """\
{
  "$schema": "evalperf.schema.json",

  // Part of each run's id.
  "name": "starter",

  // One case a line. Other names of the fields: "fields": {"input": "question", "target": "gold"}.
  "cases": {"path": "cases.jsonl"},

  // What is asked; the fields of a case stand in double braces. Without "prompt" the input itself is sent.
  "prompt": {"template": "{{ input }}"},

  // The bundled server: it computes its answers, slowly and with faults. Nothing leaves this machine.
  "provider": {"type": "simulator", "model": "small"},

  // A real server instead (OpenAI, vLLM, Ollama, llama.cpp, …):
  // "provider": {
  //   "type": "openai",
  //   "model": "my-model",
  //   "params": {"temperature": 0, "max_tokens": 500},
  //   "endpoints": [{"url": "http://127.0.0.1:8000/v1", "api_key_env": null}],
  // },

  // How many cases are worked on at once; "auto" sizes it from this machine.
  "concurrency": {"workers": "auto"},

  // What counts as right: here the last number of the answer.
  "scorers": [{"type": "number", "name": "answer"}],

  // Each run gets a directory of its own in here.
  "output": {"dir": "results"},

  // A run that breaks a bound exits with 1.
  // "gates": [{"metric": "answer.mean", "min": 0.8}],
}
"""

_CASES = """\
{"id": "sum-1", "input": "What is 17 + 25?", "target": "42"}
{"id": "difference-1", "input": "What is 103 - 58?", "target": "45"}
{"id": "product-1", "input": "What is 12 * 12?", "target": "144"}
{"id": "quotient-1", "input": "What is 96 / 8?", "target": "12"}
{"id": "sum-2", "input": "What is 19 + 4 + 8?", "target": "31"}
"""


def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write it.")] = Path(),
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Writes a configuration and cases to start from.

    Example:
      evalperf init demo && evalperf run demo/evalperf.json
    """
    files = {"evalperf.json": _CONFIG, "cases.jsonl": _CASES, "evalperf.schema.json": _schema()}
    there = [directory / name for name in files if (directory / name).exists()]
    if there and not force:
        raise ConfigError(
            f"{', '.join(str(path) for path in there)} exists already",
            hint="choose another folder, or replace it with --force",
        )
    for name, text in files.items():
        _write_file(directory / name, text)
    lines = [f"wrote {directory / name}" for name in files]
    write("\n".join([*lines, "", f"next: evalperf run {directory / 'evalperf.json'}"]))


def _schema() -> str:
    import json

    from evalperf.config.schema import json_schema

    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _write_file(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from error
