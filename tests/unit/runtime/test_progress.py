"""What a run shows: records as Snakemake makes them, and the lines that follow."""

import io
import logging
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.settings.enums import Quietness
from snakemake.settings.types import OutputSettings
from snakemake_interface_logger_plugins.common import LogEvent

from semlens.runtime import progress
from semlens.runtime.logs import CLEAR_LINE, log, log_job
from semlens.runtime.progress import format_time, name_stages, show_stages

STAGES = {"download_file": "fetch", "index_dataset": "select", "select_images": "select", "count_rows": "others"}
COUNTS = {"select_images": 3, "index_dataset": 1, "all": 1, "count_rows": 1, "total": 6}


class Terminal(io.StringIO):
    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


class Run:
    """A logger as Snakemake sets it up, and the records of a run in its words."""

    def __init__(self, clock, is_terminal: bool = False, settings: OutputSettings | None = None) -> None:
        settings = settings or OutputSettings()
        self.clock = clock
        self.terminal = Terminal(is_terminal)
        self.logger = logging.Logger("snakemake.logging")
        choice = (settings.quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds)
        handler = ColorizingTextHandler(
            nocolor=True,
            stream=self.terminal,
            formatter=DefaultFormatter(settings.quiet),
            filter=DefaultFilter(*choice),
        )
        handler.name = "DefaultStreamHandler"
        self.logger.addHandler(handler)
        show_stages(self.logger, settings, lambda: STAGES)

    @property
    def lines(self) -> list[str]:
        shown = self.terminal.getvalue().replace(CLEAR_LINE, "")
        return [" ".join(line.split()) for line in shown.splitlines()]

    def say(self, event: LogEvent | None, message: str | None = None, level: int = logging.INFO, **fields) -> None:
        self.logger.log(level, message, extra={"event": event, **fields} if event else fields)

    def plan(self, nodes: int | None = None, counts: dict[str, int] = COUNTS) -> None:
        self.say(LogEvent.WORKFLOW_STARTED, "Workflow has started!", quietness=Quietness.HOST)
        self.say(None, "Using shell: /bin/bash")
        self.say(LogEvent.RESOURCES_INFO, "Provided", **({"nodes": nodes} if nodes else {"cores": 2}))
        self.say(LogEvent.RUN_INFO, "Job stats:\njob    count\n", stats=counts)

    def start(self, job: int, rule: str) -> None:
        self.say(None, "Select jobs to execute...")
        self.say(LogEvent.JOB_STARTED, "Execute 1 jobs...", jobs=[job])
        self.say(LogEvent.JOB_INFO, f" Rule: {rule}, Jobid: {job}", jobid=job, rule_name=rule)
        self.say(LogEvent.SHELLCMD, "Shell command: None", shellcmd=None, indent=False)

    def finish(self, job: int, after: float = 0) -> None:
        self.clock.now += after
        self.say(LogEvent.JOB_FINISHED, f"Finished jobid: {job}", job_id=job)
        self.say(LogEvent.PROGRESS, None, done=1, total=6)

    def fail(self, job: int, rule: str, log: Path, indent: bool = False) -> None:
        told = ["input", "output", "container_img", "conda_env", "shellcmd", "aux"]
        error = dict.fromkeys(told) | {"jobid": job, "rule_name": rule, "log": [str(log)], "indent": indent}
        error |= {"rule_msg": None, "aux": {}}
        self.say(LogEvent.JOB_ERROR, f"Error in rule {rule}", logging.ERROR, **error)


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def run(clock):
    return Run(clock)


@pytest.fixture
def failed(tmp_path):
    """The log of a job that said why it failed, after the run began."""
    path = tmp_path / "logs" / "select_images" / "coco" / "00001.log"
    with pytest.raises(SystemExit), log_job(path):
        raise ValueError("no mask in coco")
    log.propagate = True
    os.utime(path, (time.time() + 1,) * 2)  # file systems tell the time to some milliseconds
    return path


def test_a_run_begins_with_the_jobs_of_each_stage(run):
    run.plan()
    assert run.lines == ["5 jobs to run: select 4, others 1"]


def test_the_end_of_a_stage_is_a_line_and_so_is_the_end_of_the_run(run):
    run.plan()
    for job, rule in enumerate(["index_dataset", *["select_images"] * 3, "count_rows", "all"]):
        run.start(job, rule)
        run.finish(job, after=2)
    assert run.lines[1:] == [
        "select 4 of 4 jobs 8 s all: 4 of 5",
        "others 1 of 1 job 2 s all: 5 of 5",
        "5 jobs done in 10 s",
    ]


@pytest.mark.parametrize(("is_terminal", "seconds"), [(False, 30), (True, 3)])
def test_other_progress_is_told_every_few_seconds(clock, is_terminal, seconds):
    run = Run(clock, is_terminal)
    run.plan(counts={"select_images": 100, "total": 100})
    for job in range(99):
        run.start(job, "select_images")
        run.finish(job, after=1)
    assert len(run.lines) - 1 == 99 // seconds
    assert f"select {seconds} of 100 jobs {seconds} s, about" in run.lines[1]


def test_the_time_that_is_left_follows_from_the_jobs_that_are_done(run):
    """Two run at once: as many minutes for each two jobs that are left as for the first two."""
    run.plan(counts={"select_images": 8, "total": 8})
    for job in range(0, 4, 2):
        run.start(job, "select_images")
        run.start(job + 1, "select_images")
        run.finish(job, after=60)
        run.finish(job + 1)
        run.clock.now += 1000  # other stages have their turn
    assert run.lines[-1] == "select 3 of 8 jobs 2 min, about 3 min left all: 3 of 8, about 3 min left"


def test_stages_that_run_side_by_side_share_the_time(run):
    """One of each at a time, for half a minute: four times 15 seconds and five times 20 are left."""
    run.plan(counts={"select_images": 8, "count_rows": 8, "total": 16})
    for job in range(0, 8, 2):
        run.start(job, "select_images")
        run.start(job + 1, "count_rows")
        run.finish(job, after=30)
        run.finish(job + 1)
    assert run.lines[-1] == "select 4 of 8 jobs 2 min, about 60 s left all: 7 of 16, about 3 min left"


def test_nothing_is_said_of_the_time_of_stages_that_have_not_begun(run):
    run.plan()
    run.start(0, "index_dataset")
    run.finish(0, after=40)
    assert run.lines[1:] == ["select 1 of 4 jobs 40 s, about 2 min left all: 1 of 5, at least about 2 min left"]


def test_a_failed_job_that_said_why_is_counted_and_not_told_again(run, failed):
    run.plan()
    run.start(0, "select_images")
    script = "python .snakemake/scripts/tmp1.select_images.py"
    run.say(
        LogEvent.ERROR,
        f"RuleException:\nCalledProcessError in file select.smk, line 9:\nCommand '{script}' "
        "returned non-zero exit status 1.",
        logging.ERROR,
        exception="RuleException",
    )
    run.fail(0, "select_images", failed)
    assert run.lines[1:] == ["select 0 of 4 jobs, 1 failed 0 s all: 0 of 5"]
    run.start(0, "select_images")  # retried
    run.finish(0, after=30)
    assert run.lines[-1].startswith("select 1 of 4 jobs 30 s")


def test_a_stage_ends_with_the_last_job_that_runs(run, failed):
    run.plan(counts={"select_images": 2, "total": 2})
    run.start(0, "select_images")
    run.start(1, "select_images")
    run.fail(0, "select_images", failed)
    run.finish(1, after=2)
    assert run.lines[-1].startswith("select 1 of 2 jobs, 1 failed 2 s")


def test_a_job_that_failed_elsewhere_is_told_here(run, failed):
    """On a cluster, its own words go elsewhere."""
    run.plan(nodes=100)
    run.start(0, "select_images")
    run.fail(0, "select_images", failed)
    assert run.lines[1] == f"select_images coco/00001: ValueError: no mask in coco (traceback in {failed})"


def test_a_job_that_died_without_a_word_has_snakemakes_words(run, tmp_path):
    run.plan()
    run.start(0, "select_images")
    killed = "Command 'python .snakemake/scripts/tmp1.select_images.py' died with <Signals.SIGKILL: 9>."
    run.say(LogEvent.ERROR, killed, logging.ERROR, exception="RuleException")
    run.fail(0, "select_images", tmp_path / "none.log")
    assert killed in run.lines
    assert "Error in rule select_images:" in run.lines
    assert run.lines[-1] == "select 0 of 4 jobs, 1 failed 0 s all: 0 of 5"


def test_the_reason_of_a_former_run_is_not_believed(clock, failed):
    os.utime(failed, (0, 0))
    run = Run(clock)
    run.plan()
    run.start(0, "select_images")
    run.fail(0, "select_images", failed)
    assert "Error in rule select_images:" in run.lines


def test_of_a_group_the_job_that_failed_is_counted(run, failed, tmp_path):
    run.plan(nodes=100)
    for job in range(3):
        run.start(job, "select_images")
    jobs = [{"rule_name": "select_images", "jobid": 0, "log": [str(failed)], "output": []}]
    run.say(LogEvent.GROUP_ERROR, "Error in group", logging.ERROR, groupid="a", aux_logs=[], job_error_info=jobs)
    for job in range(3):
        run.fail(job, "select_images", failed if job == 1 else tmp_path / "none.log", indent=True)
    assert len(run.lines) == 3
    assert "no mask in coco" in run.lines[1] and "1 failed" in run.lines[2]


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING, logging.ERROR])
def test_all_else_that_snakemake_says_stays(run, level):
    run.say(None, "Creating conda environment envs/workflow.yaml...", level)
    assert run.lines == ["Creating conda environment envs/workflow.yaml..."]


@pytest.mark.parametrize(
    "settings",
    [
        OutputSettings(dryrun=True),
        OutputSettings(printshellcmds=True),
        OutputSettings(verbose=True),
        OutputSettings(debug_dag=True),
        OutputSettings(quiet={Quietness.HOST}),
    ],
    ids=lambda settings: next(name for name, value in vars(settings).items() if value),
)
def test_who_asks_for_snakemakes_own_output_has_it(clock, settings):
    run = Run(clock, settings=settings)
    run.plan()
    assert "Job stats:" in run.lines
    assert not any("to run" in line for line in run.lines)


def test_who_asks_for_silence_has_it(clock):
    run = Run(clock, settings=OutputSettings(quiet={Quietness.ALL}))
    run.plan()
    assert run.lines == []


def test_a_logger_without_snakemakes_handler_stays_as_it_is():
    logger = logging.Logger("plugin")
    handler = logging.StreamHandler(io.StringIO())
    logger.addHandler(handler)
    show_stages(logger, OutputSettings(), dict)
    assert logger.handlers == [handler] and handler.filters == []


def test_events_of_unknown_jobs_are_no_error(run, capsys):
    run.finish(7)
    run.plan()
    run.finish(7)
    run.start(8, "a_rule_that_came_later")
    run.finish(8)
    assert len(run.lines) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("event", LogEvent)
def test_an_event_without_its_fields_ends_no_run(run, event, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    run.plan()
    run.say(event, "100 %")


def test_a_line_takes_the_place_of_a_bar_on_a_terminal(clock):
    run = Run(clock, is_terminal=True)
    run.plan()
    assert run.terminal.getvalue().startswith(f"{CLEAR_LINE}5 jobs")


def test_a_stage_is_the_file_of_a_rule(tmp_path):
    rules = [
        SimpleNamespace(name="index", snakefile=str(tmp_path / "targets.smk"), norun=True),
        SimpleNamespace(name="lens_index_dataset", snakefile=str(tmp_path / "select.smk"), norun=False),
        SimpleNamespace(name="count_rows", snakefile="https://example.org/Snakefile", norun=False),
    ]
    assert name_stages(rules, tmp_path) == {"lens_index_dataset": "select", "count_rows": "others"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89.4, "89 s"), (91, "2 min"), (5300, "88 min"), (5400, "1 h 30 min"), (200_000, "55 h 33 min")],
)
def test_times_are_written_as_one_reads_them(seconds, text):
    assert format_time(seconds) == text
