"""What is wrong is named with file, line, column and what to do; exit 2, no traceback, nothing left behind."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

GOOD = [{"id": f"c{n}", "input": "?", "target": "1", "output": "1"} for n in range(1, 6)]


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., str]:
    """Writes cases and a configuration; `lines` may be raw text."""

    def write(lines: list[Any] | None = None, **sections: Any) -> str:
        rows = GOOD if lines is None else lines
        text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in rows)
        (tmp_path / "cases.jsonl").write_text(text)
        whole = {
            "cases": {"path": "cases.jsonl"},
            "provider": {"type": "replay"},
            "scorers": ["exact"],
            "output": {"dir": "results"},
        }
        (tmp_path / "c.json").write_text(json.dumps(whole | sections, indent=2))
        return "c.json"

    return write


def test_a_missing_configuration(evalperf) -> None:
    assert "nowhere.json" in evalperf("run", "nowhere.json", code=2).stderr


def test_a_missing_case_file_with_a_suggestion(config, evalperf) -> None:
    said = evalperf("run", config(cases={"path": "case.jsonl"}), code=2).stderr
    assert "case.jsonl" in said
    assert "cases.jsonl" in said


def test_all_errors_of_a_configuration_at_once_with_places(config, evalperf) -> None:
    said = evalperf("run", config(concurrency={"workerz": 4}, retry={"attempts": 0}, scorers=["exakt"]), code=2).stderr
    assert 'did you mean "workers"' in said
    assert "attempts" in said
    assert 'did you mean "exact"' in said
    assert said.count("c.json:") >= 3


def test_broken_json_names_line_and_column_and_keeps_what_was_before(config, evalperf, tmp_path: Path) -> None:
    said = evalperf("run", config([*GOOD[:3], '{"id": "c4", "input": }', *GOOD[4:]]), code=2).stderr
    assert "cases.jsonl:4:23" in said
    ((run,),) = [list((tmp_path / "results").iterdir())]
    assert "3 of 5 cases are done" in evalperf("report", str(run)).stdout


def test_bad_lines_are_skipped_and_counted_on_request(config, document, tmp_path: Path) -> None:
    ran = document("run", config(["no json", *GOOD], cases={"path": "cases.jsonl", "on_bad_line": "skip"}))
    assert (ran["cases"]["ok"], ran["cases"]["rejected"]) == (5, 1)
    rejected = json.loads(Path(ran["run"]["dir"], "rejected.jsonl").read_text())
    assert rejected["line"] == 1


def test_a_missing_field(config, evalperf) -> None:
    said = evalperf("run", config([*GOOD, {"id": "c6", "text_of_it": "?"}]), code=2).stderr
    assert "cases.jsonl:6" in said
    assert "input" in said


def test_a_template_variable_that_no_case_has(config, evalperf, tmp_path: Path) -> None:
    said = evalperf("run", config(prompt={"template": "{{ question_text }}"}), code=2).stderr
    assert "question_text" in said
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").iterdir())


def test_a_duplicate_id_names_both_lines(config, evalperf) -> None:
    said = evalperf("run", config([*GOOD, GOOD[1]]), code=2).stderr
    assert "cases.jsonl:6" in said
    assert '"c2"' in said


@pytest.mark.parametrize("lines", [[], [""]], ids=["empty", "blank"])
def test_an_empty_input_never_exits_0(lines: list[str], config, evalperf) -> None:
    assert "no case" in evalperf("run", config(lines), code=2).stderr


def test_a_condition_that_no_case_meets(config, evalperf) -> None:
    assert "no case" in evalperf("run", config(), "--where", "id == 'other'", code=2).stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_output_folder(config, evalperf, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "closed" in evalperf("run", config(output={"dir": "closed/results"}), code=2).stderr


def test_an_output_folder_that_is_a_file(config, evalperf, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    said = evalperf("run", config(output={"dir": "taken"}), code=2).stderr
    assert "taken" in said


def endpoint(url: str) -> dict[str, Any]:
    return {"type": "openai", "model": "m", "endpoints": [{"url": url}], "timeouts": {"connect_s": 2}}


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "ftp://127.0.0.1/v1"])
def test_a_url_that_is_none(url: str, config, evalperf) -> None:
    said = evalperf("run", config(provider=endpoint(url)), code=2).stderr
    assert "c.json:" in said
    assert "http" in said


def test_a_server_that_is_not_there(config, evalperf, tmp_path: Path) -> None:
    said = evalperf("run", config(provider=endpoint("http://127.0.0.1:9/v1")), code=2).stderr
    assert "127.0.0.1:9" in said
    assert "refused" in said
    assert not (tmp_path / "results").exists()


class _Page(BaseHTTPRequestHandler):
    """A web site where a model was expected."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"<!doctype html><html><body>Welcome</body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def web_site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_answers_html(web_site: str, config, evalperf) -> None:
    """Told once, not five times, and not retried."""
    said = evalperf("run", config(provider=endpoint(web_site)), code=2).stderr
    assert "HTML" in said
    assert said.count("HTML") <= 2


def test_nothing_but_failures_exits_with_3(config, evalperf) -> None:
    """Cases without a recorded answer: each fails, none is wrong."""
    bare = [{"id": row["id"], "input": "?", "target": "1"} for row in GOOD]
    done = evalperf("run", config(bare), code=3)
    assert "5 of 5" in done.stdout
