"""The examples of docs/caching.md do what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalperf.config.cache import CacheConfig
from evalperf.config.formats import FORMATS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "caching.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(3))
def test_an_example_prints_what_the_page_says(number: int, tmp_path: Path) -> None:
    code, printed = EXAMPLES[number]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.stdout, done.stderr) == (printed, "")


def test_every_example_is_run() -> None:
    assert PAGE.count("```python") == len(EXAMPLES) == 3


def test_the_settings_on_the_page_are_the_defaults() -> None:
    (text,) = re.findall(r"```jsonc\n\"cache\": (.*?)```", PAGE, re.DOTALL)
    written = FORMATS[".jsonc"](text, "page").value
    assert CacheConfig.model_validate(written) == CacheConfig()
    assert set(written["responses"]) == set(CacheConfig().responses.model_dump())
