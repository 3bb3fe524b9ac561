"""Places for folded runs that the user's own configurations name."""

from __future__ import annotations

from pathlib import Path

from evalperf.own_places import FILE_NAME, MOST_PLACES, note_own_places, only_own_places

SERVER = {"redis_url": "redis://:hush@10.0.0.9:6379/0", "strategy": "ttl"}


def config(section: dict[str, object]) -> dict[str, object]:
    return {"cache": {"queries": section}}


def test_nothing_is_named_at_first(tmp_path: Path) -> None:
    assert only_own_places({**SERVER, "path": "/etc/passwd"}, tmp_path) == {"strategy": "ttl"}


def test_what_was_noted_is_used_and_nothing_else(tmp_path: Path) -> None:
    assert note_own_places(config(SERVER), tmp_path, tmp_path / "new" / "cache") is None
    assert only_own_places(SERVER, tmp_path / "new" / "cache") == SERVER
    assert "redis_url" not in only_own_places({"redis_url": SERVER["redis_url"] + "1"}, tmp_path / "new" / "cache")


def test_no_password_is_written(tmp_path: Path) -> None:
    note_own_places(config(SERVER), tmp_path, tmp_path)
    assert b"hush" not in (tmp_path / FILE_NAME).read_bytes()


def test_a_configuration_without_places_leaves_no_file(tmp_path: Path) -> None:
    assert note_own_places({}, tmp_path, tmp_path / "cache") is None
    assert not (tmp_path / "cache").exists()


def test_the_first_places_make_room(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{" + ", ".join(f'"{number}": ""' for number in range(MOST_PLACES)) + "}")
    note_own_places(config({"path": "last.sqlite"}), tmp_path, tmp_path)
    assert only_own_places({"path": "last.sqlite"}, tmp_path) == {"path": str(tmp_path / "last.sqlite")}
    assert '"0"' not in (tmp_path / FILE_NAME).read_text()


def test_a_file_of_another_form_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("[1]")
    assert only_own_places({"path": "x"}, tmp_path) == {}


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = note_own_places(config(SERVER), tmp_path, tmp_path / "file" / "cache")
    assert told is not None
    assert "reports won't look there" in told
