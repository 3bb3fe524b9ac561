"""kill -9 at random moments of runs over HTTP: the results and reports are those of a run that nobody disturbed."""

from __future__ import annotations

import itertools
import random
import time
from pathlib import Path

import pytest

from evalperf.results import examine, read_success
from tests.faults.processes import (
    IN_FLIGHT,
    CountingServer,
    begin,
    counting_server,
    has_rows,
    live,
    numbers,
    only_run,
    rows,
    run,
    until,
)
from tests.faults.processes import write_config as config_for


class Undisturbed:
    """A run from beginning to end, how long it takes, and how many of its questions the server has answered twice."""

    def __init__(self, folder: Path) -> None:
        with counting_server() as server:
            config = config_for(folder, server.url)
            began_s = time.monotonic()
            self.numbers = numbers(run(config))
            self.lasts_s = time.monotonic() - began_s
            self.repeated = server.answered_again()  # problems that the file has twice
        directory = only_run(config)
        assert directory is not None
        self.rows = rows(directory)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(tmp_path_factory.mktemp("undisturbed"))


class Toll:
    """What kills have cost, for those who read the long forms: pytest -s."""

    def __init__(self) -> None:
        self.kills = self.repeated = self.in_doubt = 0

    def __str__(self) -> str:
        return f"{self.kills} kills: 0 lost, 0 twice, {self.repeated} answers bought again of {self.in_doubt} in doubt"


def check(config: Path, undisturbed: Undisturbed, server: CountingServer, toll: Toll, *, kills: int) -> None:
    """The run is finished: nothing lost, nothing twice, and what was paid twice is known and bounded."""
    directory = only_run(config)
    assert directory is not None
    assert rows(directory) == undisturbed.rows
    success = read_success(directory)
    assert success is not None
    again = server.answered_again() - undisturbed.repeated
    assert again <= success["in_doubt"] <= kills * IN_FLIGHT
    toll.kills += kills
    toll.repeated += again
    toll.in_doubt += success["in_doubt"]
    found = examine(directory)
    assert found.sound
    assert found.state == "complete"


@pytest.mark.parametrize("kills", [4, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_killed_runs_end_as_if_nobody_had_killed_them(tmp_path: Path, undisturbed: Undisturbed, kills: int) -> None:
    """Run after run, each killed up to four times at random moments of its lives and resumed to its end."""
    chance = random.Random(kills)
    toll = Toll()
    for number in itertools.count():
        if toll.kills == kills:
            break
        with counting_server() as server:
            config = config_for(tmp_path / str(number), server.url)
            died = 0
            code = live(config, chance.uniform(0.1, 1.0) * undisturbed.lasts_s)
            while code == -9:
                died += 1
                assert examine_while_dead(config)
                last = died == 4 or toll.kills + died == kills
                code = live(config, None if last else chance.uniform(0.1, 1.0) * undisturbed.lasts_s, *resume(config))
            assert code == 0
            check(config, undisturbed, server, toll, kills=died)
            assert numbers(run(config, "--resume")) == undisturbed.numbers
    print(toll)


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_a_resume_that_is_killed_is_resumed(tmp_path: Path, undisturbed: Undisturbed, kills: int) -> None:
    """Killed while it starts, surveys, recovers or has its first results, again and again until it is through."""
    chance = random.Random(kills)
    toll = Toll()
    while toll.kills < kills:
        with counting_server() as server:
            config = config_for(tmp_path / str(toll.kills), server.url)
            begun = begin(config)
            until(lambda: has_rows(config), "results")  # noqa: B023 - called here
            begun.kill()
            begun.communicate()
            died, code = 1, -9
            while code == -9 and toll.kills + died < kills:
                code = live(config, chance.uniform(0.1, 0.6) * undisturbed.lasts_s, *resume(config))
                died += code == -9
                assert examine_while_dead(config)
            assert live(config, None, *resume(config)) == 0
            check(config, undisturbed, server, toll, kills=died)
    print(toll)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_kills_in_a_row(tmp_path: Path, undisturbed: Undisturbed) -> None:
    """Each after so few more questions that the run is not through before."""
    chance = random.Random(20)
    toll = Toll()
    with counting_server(latency_s=0.3) as server:
        config = config_for(tmp_path / "run", server.url)
        for _ in range(20):
            asked = server.stats()["requests"] + chance.randint(1, IN_FLIGHT + 16)
            begun = begin(config, *resume(config))
            until(lambda: server.stats()["requests"] >= asked, "questions")  # noqa: B023 - called here
            begun.kill()
            begun.communicate()
            assert begun.returncode == -9
            assert examine_while_dead(config)
        assert live(config, None, "--resume") == 0
        check(config, undisturbed, server, toll, kills=20)
    print(toll)


def resume(config: Path) -> tuple[str, ...]:
    """The option that goes on with the run; none where it was killed before it had begun one."""
    return () if only_run(config) is None else ("--resume",)


def examine_while_dead(config: Path) -> bool:
    """Whether what the killed process has left breaks no invariant."""
    directory = only_run(config)
    return directory is None or examine(directory).sound
