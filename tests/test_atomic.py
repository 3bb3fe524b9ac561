"""Files that are replaced whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalperf.atomic import replace_file


def test_the_content_takes_the_place_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    replace_file(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_permissions_are_kept_on_request(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o644)
    replace_file(path, b"new", keep_mode=True)
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_can_not_take_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    """A folder is in the way."""
    path = tmp_path / "a"
    (path / "b").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        replace_file(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
