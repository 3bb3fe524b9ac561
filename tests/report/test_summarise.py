"""A report from real files: complete, unfinished, damaged; and the command that prints it."""

from __future__ import annotations

import orjson
import pytest
from typer.testing import CliRunner

from evalperf.cli.app import app
from evalperf.config.model import Gate
from evalperf.report import RunFacts
from evalperf.results import RunInfo, StoreOptions, create_run, open_store, write_run_info
from evalperf.summarise import run_row, save_summary, summarise_run

FACTS = RunFacts(status="complete", total=6, rejected=0, resumed=0, in_doubt=0, wall_s=2.0, cpu_s=0.1)
CONFIG = {
    "provider": {"type": "replay", "model": "m"},
    "scorers": [{"type": "exact"}],
    "gates": [{"metric": "exact.mean", "min": 0.5, "max": None}],
}


@pytest.fixture
def make_run(tmp_path, make_result):
    """Makes a run's directory with five results (four right) and one failure."""

    async def make(run_id="20261120-143005-demo-3f9a", *, config=CONFIG, finish=True):
        directory = create_run(tmp_path / "results", run_id)
        info = RunInfo(
            run_id=run_id,
            name="demo",
            created_at="2026-11-20T14:30:05Z",
            versions={"evalperf": "0.1.0"},
            inputs=(),
            lines=6,
            fingerprint={"all": "d1"},
            config=config,
        )
        write_run_info(directory, info)
        async with open_store(directory, info, StoreOptions(journal=False), lambda event: None) as store:
            for seq in range(1, 6):
                task = "even" if seq % 2 == 0 else "odd"
                await store.put(make_result(seq, value=float(seq != 1), metadata={"task": task}))
            await store.put(make_result(6, kind="timeout"))
            if finish:
                await store.finish()
        return directory

    return make


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


async def test_the_saved_summary_and_the_files_give_the_same_document(make_run):
    """What `run` prints is what `report` finds later."""
    directory = await make_run()
    report = summarise_run(directory, facts=FACTS, gates=[Gate(metric="exact.mean", min=0.5)])
    save_summary(directory, report)
    again = summarise_run(directory)
    assert orjson.dumps(again.document) == orjson.dumps(report.document)
    document = again.document
    assert (document["scores"]["exact"]["mean"], document["cases"]["failed"], document["gates"][0]["held"]) == (
        0.8,
        1,
        True,
    )
    assert document["throughput"]["cases_per_s"] == 3.0
    assert document["run"]["config_digest"] == "d1"
    assert document["warnings"] == []


async def test_a_killed_run_is_reported_as_far_as_it_came(make_run):
    document = summarise_run(await make_run(finish=False)).document
    assert (document["status"], document["cases"]["done"], document["cases"]["total"]) == ("interrupted", 6, None)
    assert document["wall_s"] is None
    assert document["scores"]["exact"]["mean"] == 0.8


async def test_a_finished_run_without_summary_knows_its_total(make_run):
    document = summarise_run(await make_run()).document
    assert (document["status"], document["cases"]["total"], document["wall_s"]) == ("complete", 6, None)


async def test_a_summary_of_an_earlier_session_is_not_believed(make_run):
    directory = await make_run()
    report = summarise_run(directory, facts=FACTS)
    cases = {**report.document["cases"], "done": 3}
    directory.summary.write_bytes(orjson.dumps({**report.document, "cases": cases}))
    document = summarise_run(directory).document
    assert document["wall_s"] is None
    assert "earlier session" in document["warnings"][0]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"cases": 3}', b'{"cases": {}, "wall_s": "x"}'])
async def test_a_damaged_summary_costs_only_what_it_held(make_run, content):
    directory = await make_run()
    directory.summary.write_bytes(content)
    document = summarise_run(directory).document
    assert document["scores"]["exact"]["mean"] == 0.8
    assert len(document["warnings"]) == 1


async def test_damaged_results_are_left_out_and_named(make_run):
    directory = await make_run()
    save_summary(directory, summarise_run(directory, facts=FACTS))
    [part] = directory.results.glob("part-*.gz")
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 0xFF
    part.chmod(0o600)
    part.write_bytes(data)
    document = summarise_run(directory).document
    assert document["cases"]["ok"] == 0
    assert document["scores"]["exact"]["mean"] is None
    assert any("part-" in warning for warning in document["warnings"])
    assert [gate["reason"] for gate in document["gates"]] == ["not measured"]


async def test_a_simulator_is_called_one_even_after_a_kill(make_run):
    config = {**CONFIG, "provider": {"type": "simulator", "model": "small"}}
    [note] = summarise_run(await make_run(config=config, finish=False)).document["synthetic"]
    assert "simulator" in note


async def test_groups_by_a_field_of_the_cases(make_run):
    by = summarise_run(await make_run(), by="task").document["by"]
    assert [(group["value"], group["total"]) for group in by["groups"]] == [("odd", 3), ("even", 2), (None, 1)]


async def test_the_section_statistics_decides_how_numbers_are_read(make_run):
    """As the run's own run.json has it, so that a later report says the same."""
    config = {**CONFIG, "statistics": {"cluster_by": "task", "interval": "t", "pass_at": [1]}}
    document = summarise_run(await make_run(config=config)).document
    exact = document["scores"]["exact"]
    assert (exact["interval"], exact["clusters"]["n"]) == ("clustered", 2)
    assert document["clustering"] == {"field": "task", "results": 5, "problem": None}
    by_t = summarise_run(await make_run("20261121-000000-t-0000", config={**CONFIG, "statistics": {"interval": "t"}}))
    assert by_t.document["scores"]["exact"]["interval"] == "t"


async def test_rows_of_the_list_come_from_the_saved_summary(make_run):
    directory = await make_run()
    assert (run_row(directory).status, run_row(directory).mean) == ("complete", None)
    save_summary(directory, summarise_run(directory, facts=FACTS))
    assert (run_row(directory).score, run_row(directory).mean, run_row(directory).done) == ("exact", 0.8, 6)
    directory.run_json.write_bytes(b"{")
    assert run_row(directory).status == "damaged"


async def test_the_command_finds_runs_by_folder_id_prefix_and_latest(make_run, tmp_path, monkeypatch):
    await make_run("20261119-000000-old-aaaa")
    directory = await make_run()
    monkeypatch.chdir(tmp_path)
    for reference in (directory.path, directory.id, directory.id[:10], "latest", "results"):
        result = invoke("report", reference, "--format", "json" if reference != "results" else "markdown")
        assert (result.exit_code, result.stderr) == (0, ""), reference
        assert directory.id in result.stdout
    listed = invoke("report", "results").stdout
    assert listed.index("run  ") < listed.index(directory.id) < listed.index("20261119-000000-old-aaaa")
    assert f"evalperf report results/{directory.id}" in listed


async def test_the_command_writes_files_and_groups(make_run, tmp_path):
    directory = await make_run()
    file = tmp_path / "report.json"
    result = invoke("report", directory.path, "--format", "json", "--by", "task", "-o", file)
    assert (result.exit_code, result.stdout) == (0, "")
    assert orjson.loads(file.read_bytes())["by"]["field"] == "task"
    assert "exact by task" in invoke("report", directory.path, "--by", "task").stdout


async def test_a_broken_gate_is_exit_code_1(make_run):
    config = {**CONFIG, "gates": [{"metric": "exact.mean", "min": 0.9, "max": None}]}
    directory = await make_run(config=config)
    result = invoke("report", directory.path)
    assert result.exit_code == 1
    assert "✘ broken  exact.mean ≥ 0.9  0.8" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "no run"),
        (("RUN", "--by", "tsk"), 'did you mean "task"?'),
        (("RUN", "-o", "/nonexistent/x"), "can't write"),
        (("RUN", "RUN", "--format", "json"), "one run"),
    ],
)
async def test_mistakes_get_one_error_and_no_traceback(make_run, arguments, message):
    directory = await make_run()
    result = invoke("report", *(directory.path if argument == "RUN" else argument for argument in arguments))
    assert result.exit_code in {2, 3}
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
