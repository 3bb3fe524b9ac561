"""The directory that a session works in: a new one, or the one of the run that it continues."""

from __future__ import annotations

import platform
from pathlib import Path

import msgspec

from evalperf import __version__, clock
from evalperf.cases import Survey
from evalperf.config.load import LoadedConfig
from evalperf.errors import ConfigError, OutputError
from evalperf.fingerprint import check_same, fingerprint
from evalperf.ownership import check_owner
from evalperf.results import (
    InputInfo,
    RunDirectory,
    RunInfo,
    create_run,
    find_run,
    list_runs,
    new_run_id,
    read_run_info,
    write_input_index,
    write_run_info,
)

__all__ = ["open_directory"]


def open_directory(
    loaded: LoadedConfig, inputs: Survey, *, resume: str | None, retry_failed: bool, parent: str | None = None
) -> tuple[RunDirectory, RunInfo]:
    """A new run's directory, or with `resume` that of the run to continue; raises ConfigError if it is another run.

    `parent` is the run that a new one is made from.
    """
    output_dir = loaded.base_dir / loaded.config.output.dir
    digests = fingerprint(loaded.config, inputs)
    if resume is not None:
        directory = (
            find_run(resume, output_dir) if resume else _latest(output_dir, _name(loaded), with_failures=retry_failed)
        )
        check_owner("run", directory.path)
        info = read_run_info(directory)
        check_same(info, digests)
        return directory, info
    info = msgspec.structs.replace(_info(loaded, inputs, digests), parent=parent)
    try:
        directory = create_run(output_dir, info.run_id)
    except OutputError as error:  # before the first case, it is the configuration that names a wrong place
        raise ConfigError(f"output.dir: {error.message}", hint=error.hint) from error
    write_run_info(directory, info)
    if len(inputs.files) == 1 and inputs.files[0].line_offsets is not None:
        write_input_index(directory, inputs.files[0].line_offsets)
    return directory, info


def _latest(output_dir: Path, name: str, *, with_failures: bool) -> RunDirectory:
    """The latest run of this name that is not finished, else the latest: what resumes until it is done ends well.

    `with_failures`: a finished one counts, too, because its failures are to be tried again.
    """
    finished: RunDirectory | None = None
    for directory in reversed(list_runs(output_dir)):
        if read_run_info(directory).name != name:
            continue
        if with_failures or not directory.success.exists():
            return directory
        finished = finished or directory
    if finished is None:
        raise ConfigError(f'no run of "{name}" in {output_dir}', hint="start one without --resume")
    return finished


def _info(loaded: LoadedConfig, inputs: Survey, digests: dict[str, str]) -> RunInfo:
    created_at = clock.utc_stamp()
    name = _name(loaded)
    return RunInfo(
        run_id=new_run_id(name, created_at),
        name=name,
        created_at=created_at,
        versions={"evalperf": __version__, "python": platform.python_version(), "platform": platform.platform()},
        inputs=tuple(
            InputInfo(path=file.path, size_bytes=file.size_bytes, lines=file.lines, digest=file.digest)
            for file in inputs.files
        ),
        lines=inputs.lines,
        epochs=loaded.config.cases.epochs,
        seed=loaded.config.cases.seed,
        fingerprint={**digests, "all": loaded.digest},
        config=loaded.raw,
    )


def _name(loaded: LoadedConfig) -> str:
    return loaded.config.name or loaded.path.stem
