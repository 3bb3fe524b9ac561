"""How arguments are read and configurations completed."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from evalperf.cli.grammar import Commands, RunCommand, complete_config


@pytest.mark.parametrize(
    ("arguments", "config", "resume"),
    [
        (["a.json"], "a.json", None),
        (["a.json", "--resume"], "a.json", ""),
        (["--resume", "a.json"], "a.json", ""),
        (["a.json", "--resume", "2026-x"], "a.json", "2026-x"),
        (["a.json", "--resume=2026-x"], "a.json", "2026-x"),
        (["a.json", "--resume", "--other"], "a.json", ""),
        (["--resume", "2026-x", "a.yaml"], "a.yaml", "2026-x"),
        (["--", "--resume"], "--resume", None),
    ],
)
def test_resume_may_stand_alone_or_name_a_run(arguments: list[str], config: str, resume: str | None) -> None:
    seen: list[tuple[str, str | None]] = []
    app = typer.Typer(cls=Commands, rich_markup_mode=None)
    app.callback()(lambda: None)

    @app.command(cls=RunCommand)
    def run(config: str, resume: str | None = None, other: bool = False) -> None:
        seen.append((config, resume))

    assert CliRunner().invoke(app, ["run", *arguments]).exit_code == 0
    assert seen == [(config, resume)]


def test_completion_offers_configurations_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    for name in ("a.json", "b.yaml", "c.txt", "configs/d.toml"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    assert complete_config("") == ["a.json", "b.yaml", "configs/"]
    assert complete_config("configs/") == ["configs/d.toml"]
    assert complete_config(str(tmp_path / "a")) == [str(tmp_path / "a.json")]
    assert complete_config("[") == []
    assert complete_config("nowhere/x") == []
