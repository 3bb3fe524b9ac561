from pathlib import Path

import pytest

from evalperf.errors import ConfigError, DamageError
from evalperf.results import RunDirectory, create_run, read_run_info, write_run_info
from tests.results.helpers import make_info


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return create_run(tmp_path, "id")


def test_it_comes_back_as_it_was(directory: RunDirectory) -> None:
    info = make_info(directory, lines=None, epochs=3)
    write_run_info(directory, info)
    assert read_run_info(directory) == info
    assert not list(directory.path.glob("*.tmp"))


def test_a_newer_format_is_refused_with_what_to_do(directory: RunDirectory) -> None:
    directory.run_json.write_text('{"format_version": 99, "new": true}')
    with pytest.raises(ConfigError, match="format 99") as caught:
        read_run_info(directory)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "{", '{"format_version": 1}', "[]", '{"format_version": "x"}'])
def test_damage_is_named(directory: RunDirectory, text: str) -> None:
    directory.run_json.write_text(text)
    with pytest.raises(DamageError, match=r"run\.json is damaged"):
        read_run_info(directory)


def test_a_folder_that_is_no_run_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a run"):
        read_run_info(RunDirectory(tmp_path))
