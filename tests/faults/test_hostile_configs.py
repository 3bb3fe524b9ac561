"""Every hostile configuration is refused in words, soon, and briefly however much of it is quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalperf.config import load_config
from evalperf.errors import ConfigError
from tests.faults.hostile_configs import configs

LONGEST_LINE = 1_500
MOST_FAULTS = 20


@pytest.mark.parametrize("name", configs())
def test_a_configuration_is_taken_or_refused_in_words(tmp_path: Path, name: str) -> None:
    holds, text = configs()[name]
    path = tmp_path / name
    path.write_bytes(text)
    if holds:
        load_config(path, environ={})
        return
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={})
    said = caught.value.message
    assert str(path) in said
    assert max(map(len, said.split("\n"))) < LONGEST_LINE
    assert len(said.split("\n\n")) <= MOST_FAULTS + 1


def test_of_very_many_faults_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    path.write_bytes(configs()["many keys.json"][1])
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={})
    *told, more = caught.value.message.split("\n\n")
    assert [paragraph.split(": ")[2] for paragraph in told] == [f"k{n}" for n in range(MOST_FAULTS)]
    assert more == "error: and 480 more"
