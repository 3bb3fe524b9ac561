"""Who may write what evalperf believes or writes into; users other than the owner by their numbers alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from evalperf.config import load_config
from evalperf.errors import ConfigError
from evalperf.ownership import check_private, open_to_others, owned_by_another
from evalperf.run import RunOptions, execute

ME, OTHER, GROUP = 1000, 1001, 100


def found(mode: int, *, user: int = ME, group: int = ME) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, user, group, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("owner", "user", "refused"), [(ME, ME, False), (OTHER, ME, True), (0, ME, False), (OTHER, 0, False)]
)
def test_what_belongs_to_another_user_is_refused_but_to_root(owner: int, user: int, refused: bool) -> None:
    """Root's own things are everybody's; and root goes on with anybody's."""
    reason = owned_by_another(found(stat.S_IFREG | 0o600, user=owner), user)
    assert reason == (f"it belongs to user {owner}" if refused else None)


@pytest.mark.parametrize(
    ("mode", "group", "reason"),
    [
        (stat.S_IFREG | 0o600, GROUP, None),
        (stat.S_IFREG | 0o644, GROUP, None),
        (stat.S_IFREG | 0o666, ME, "everybody may write it (mode 0666)"),
        (stat.S_IFREG | 0o1666, ME, "everybody may write it (mode 1666)"),
        (stat.S_IFREG | 0o660, GROUP, "group 100 may write it (mode 0660)"),
        (stat.S_IFREG | 0o660, ME, None),
        (stat.S_IFDIR | 0o700, GROUP, None),
        (stat.S_IFDIR | 0o775, GROUP, "group 100 may write it (mode 0775)"),
        (stat.S_IFDIR | 0o775, ME, None),
        (stat.S_IFDIR | 0o777, ME, "everybody may write it (mode 0777)"),
        (stat.S_IFDIR | 0o1777, ME, None),
        (stat.S_IFDIR | 0o3775, GROUP, None),
    ],
)
def test_what_others_may_write_is_told(mode: int, group: int, reason: str | None) -> None:
    """The sticky bit protects the files in a folder; a group with its owner's number has no other member."""
    assert open_to_others(found(mode, group=group)) == reason


def test_the_error_says_how_to_mend_it(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    path.touch(mode=0o600)
    check_private("cache", path)
    path.chmod(0o666)
    with pytest.raises(ConfigError) as caught:
        check_private("cache", path)
    assert caught.value.message == (
        f"cache: {path}: everybody may write it (mode 0666); expected one that only its owner may write"
    )
    assert caught.value.hint == f"if you trust what is in it: chmod go-w {path}"
    path.chmod(0o644)
    check_private("cache", path)


def test_a_run_of_another_user_is_not_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cases.jsonl").write_text('{"input": "x", "output": "y", "target": "y"}\n')
    path = tmp_path / "run.json"
    path.write_text('{"cases": {"path": "cases.jsonl"}, "provider": {"type": "replay"}, "scorers": ["exact"]}')
    loaded = load_config(path, environ={})
    directory = Path(execute(loaded, RunOptions()).report.document["run"]["dir"])
    if os.geteuid() == 0:
        os.chown(directory, OTHER, OTHER)
        assert execute(loaded, RunOptions(resume=str(directory))).error is None  # root goes on with anybody's
    owner = directory.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(ConfigError) as caught:
        execute(loaded, RunOptions(resume=str(directory)))
    assert caught.value.message.startswith(f"run: {directory}: it belongs to user {owner}")
    assert caught.value.hint == f"if you trust what is in it: sudo chown -R {owner + 1} {directory}"
