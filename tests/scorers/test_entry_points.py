"""Scorers that installed packages offer as entry points of `evalperf.scorers`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evalperf.errors import ConfigError
from tests.scorers.samples import make_case, make_response


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with two scorers, and another one that offers one of these names, too."""
    for package, lines in (
        ("mine", "polite = mine:polite\nshared = mine:polite\n"),
        ("theirs", "shared = mine:polite\n"),
    ):
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[evalperf.scorers]\n{lines}")
    (tmp_path / "mine.py").write_text(
        "def polite(case, response, *, word='please'):\n    return word in response.completion.text\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("mine", None)


@pytest.mark.parametrize("run_in", ["loop", "process"])
async def test_an_entry_point_scores_by_its_name(open_one, installed, run_in):
    scorer = await open_one({"type": "function", "call": "polite", "run_in": run_in, "options": {"word": "thanks"}})
    assert (await scorer.score(make_case(), make_response("many thanks"))).passed
    assert not (await scorer.score(make_case(), make_response("give"))).passed


async def test_an_unknown_name_is_told_with_the_nearest_one(open_one, installed):
    with pytest.raises(ConfigError, match=r'"polight" is no installed entry point.*\(polite, shared\)') as caught:
        await open_one({"type": "function", "call": "polight"})
    assert caught.value.hint == 'did you mean "polite"?'


async def test_a_name_that_two_packages_offer_is_refused(open_one, installed):
    with pytest.raises(ConfigError, match="offered by several packages: mine and theirs"):
        await open_one({"type": "function", "call": "shared"})
