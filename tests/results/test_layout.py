import os
import stat
from pathlib import Path

import pytest

from evalperf.errors import ConfigError, OutputError
from evalperf.results import RunDirectory, create_run, find_run, list_runs, new_run_id, write_run_info
from tests.results.helpers import STAMP, make_info


def start(output_dir: Path, run_id: str) -> RunDirectory:
    directory = create_run(output_dir, run_id)
    write_run_info(directory, make_info(directory))
    return directory


def test_an_id_tells_time_and_name() -> None:
    run_id = new_run_id("quickstart", STAMP)
    assert run_id.startswith("20261120-143005-quickstart-")
    assert len(run_id.rpartition("-")[2]) == 4


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", "ü\x00\n", "." * 5, "x" * 500, "-", "con\u202e"])
def test_no_name_reaches_outside_the_folder(name: str) -> None:
    run_id = new_run_id(name, STAMP)
    assert Path(run_id).name == run_id
    assert run_id.isascii()
    assert run_id.isprintable()
    assert len(run_id) < 80


def test_folders_are_private_and_parents_are_made(tmp_path: Path) -> None:
    directory = create_run(tmp_path / "a" / "b", "id")
    for folder in (directory.path, directory.results, directory.failures):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    write_run_info(directory, make_info(directory))
    assert stat.S_IMODE(directory.run_json.stat().st_mode) == 0o600


def test_the_same_run_is_not_made_twice(tmp_path: Path) -> None:
    create_run(tmp_path, "id")
    with pytest.raises(OutputError, match="exists already"):
        create_run(tmp_path, "id")


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError) as caught:
        create_run(tmp_path / "file", "id")
    assert caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_an_output_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        create_run(tmp_path, "id")


def test_runs_are_listed_oldest_first(tmp_path: Path) -> None:
    ids = ["20261120-143005-z-0000", "20261120-143005-a-ffff", "20251231-000000-x-0000"]
    for number, run_id in enumerate(ids):
        os.utime(start(tmp_path, run_id).run_json, ns=(number, number))
    (tmp_path / "not a run").mkdir()
    assert [run.id for run in list_runs(tmp_path)] == [ids[2], ids[0], ids[1]]
    assert list_runs(tmp_path / "nowhere") == []


def test_a_run_is_found_by_path_id_prefix_and_latest(tmp_path: Path) -> None:
    first, second = start(tmp_path, "20261120-1-a"), start(tmp_path, "20261121-1-a")
    assert find_run(str(first.path), tmp_path / "elsewhere") == first
    assert find_run("20261120-1-a", tmp_path) == first
    assert find_run("20261121", tmp_path) == second
    assert find_run("latest", tmp_path) == second
    assert find_run(None, tmp_path) == second
    assert find_run(str(tmp_path), tmp_path / "elsewhere") == second


def test_an_ambiguous_or_unknown_name_lists_candidates(tmp_path: Path) -> None:
    start(tmp_path, "20261120-1-a")
    start(tmp_path, "20261121-1-a")
    with pytest.raises(ConfigError, match="beginning of 2 runs") as caught:
        find_run("2026", tmp_path)
    assert caught.value.hint is not None
    assert "20261120-1-a, 20261121-1-a" in caught.value.hint
    with pytest.raises(ConfigError, match='no run "x"'):
        find_run("x", tmp_path)
    with pytest.raises(ConfigError, match="no runs in"):
        find_run(None, tmp_path / "nowhere")
