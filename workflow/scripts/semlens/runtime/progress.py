"""What a run shows while it runs: a line per stage with its jobs and the time that is left, not a block per job.

Snakemake's log records carry events. Their names and fields are those of Snakemake 9; nothing of Snakemake is imported.
The run's own log, below ``.snakemake/log``, keeps all that Snakemake says.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from semlens.runtime.logs import CLEAR_LINE, name_job, read_failure

OTHERS = "others"

_BLOCKS = {
    "workflow_started",
    "resources_info",
    "run_info",
    "group_info",
    "job_info",
    "shellcmd",
    "job_started",
    "job_finished",
    "progress",
}
_SMALL_TALK = (
    "Using shell: ",
    "Conda environments: ignored",
    "Select jobs to execute...",
    "Removing temporary output ",
)

_SECONDS_BETWEEN = 30.0
_SECONDS_BETWEEN_ON_TERMINAL = 3.0


def show_stages(logger: logging.Logger, settings: Any, list_stages: Callable[[], Mapping[str, str]]) -> None:
    """Have Snakemake's logger show stages in place of jobs.

    Nothing changes in a dry run, if an option asks for more or less of Snakemake's own output, or if a logger plugin
    writes to the terminal.

    Parameters
    ----------
    logger
        Snakemake's.
    settings
        Its ``OutputSettings``.
    list_stages
        Says the stage of every rule that makes something, in the order in which stages are shown. Asked when the run
        starts, because the logger is there before the rules are.
    """
    asked = (settings.dryrun, settings.quiet, settings.verbose, settings.printshellcmds, settings.debug_dag)
    terminal = next((handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"), None)
    if isinstance(terminal, logging.StreamHandler) and not any(asked):
        lines = StageLines(terminal.stream, list_stages)
        terminal.addFilter(lines.leave_to_snakemake)
        logger.addHandler(lines)


def name_stages(rules: Iterable[Any], folder: Path) -> dict[str, str]:
    """Return the stage of every rule that makes something: the name of its file in ``folder``, or ``others``."""
    return {
        rule.name: Path(rule.snakefile).stem if Path(rule.snakefile).parent == folder else OTHERS
        for rule in rules
        if not rule.norun
    }


@dataclass
class _Stage:
    """What is known of a stage's jobs: they run, are done, or failed."""

    jobs: int
    done: int = 0
    running: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    seconds: float = 0.0  # in which some of its jobs ran
    share: float = 0.0  # of the run's seconds, divided among the jobs that ran at the time

    def estimate_seconds_left(self) -> float | None:
        """Give each job as much of the run's time as those that are done took; nothing is known before one is.

        This counts jobs that run at once or wait in a queue, and the times of stages that run side by side add up.
        """
        left = self.jobs - self.done
        if left and not self.done:
            return None
        return left * self.share / max(self.done, 1)


class StageLines(logging.Handler):
    """Counts the jobs of each stage as Snakemake tells of them, and writes a line when there is news.

    The end of a stage and a failed job are told at once, other progress every few seconds; where the terminal is none
    (a cluster's log, CI), every half a minute.
    """

    def __init__(self, stream: TextIO, list_stages: Callable[[], Mapping[str, str]]) -> None:
        super().__init__(logging.INFO)
        self._stream = stream
        self._on_terminal = stream.isatty()
        self._list_stages = list_stages
        self._stage_of_rule: Mapping[str, str] = {}
        self._stages: dict[str, _Stage] = {}
        self._stage_of_job: dict[int, str] = {}
        self._jobs_are_remote = False
        self._attached = time.time()
        self._started = self._counted = self._written = time.monotonic()

    def leave_to_snakemake(self, record: logging.LogRecord) -> bool:
        """Whether Snakemake's handler shows a record: not what lines for stages say, or what a job said itself.

        Of an error, Snakemake tells the job's files and the command. That stays where the job's log gives no reason.
        What a filter raises would end the run, so it takes no field for granted.
        """
        event, message = getattr(record, "event", None), str(record.msg)
        if event == "job_error":
            of_a_group = getattr(record, "indent", False)
            return not of_a_group and self._read_reason(getattr(record, "log", [])) is None
        if event == "group_error":
            return all(self._read_reason(job.get("log", [])) is None for job in getattr(record, "job_error_info", []))
        if event == "error":  # of a script that ended with status 1, as log_job ends it
            return not (".snakemake/scripts/" in message and message.endswith("returned non-zero exit status 1."))
        return event not in _BLOCKS and not message.startswith(_SMALL_TALK)

    def emit(self, record: logging.LogRecord) -> None:
        follow = {
            "resources_info": self._note_place,
            "run_info": self._begin_run,
            "job_info": self._begin_job,
            "job_finished": self._finish_job,
            "job_error": self._fail_job,
        }.get(getattr(record, "event", None) or "")
        try:
            if follow:
                follow(record)
        except Exception:
            self.handleError(record)

    def _note_place(self, record: logging.LogRecord) -> None:
        self._jobs_are_remote |= hasattr(record, "nodes")

    def _begin_run(self, record: logging.LogRecord) -> None:
        self._stage_of_rule = self._list_stages()
        self._stages = {}
        for rule, stage in self._stage_of_rule.items():
            if jobs := record.stats.get(rule, 0):
                self._stages.setdefault(stage, _Stage(0)).jobs += jobs
        self._started = time.monotonic()
        if self._stages:
            counts = ", ".join(f"{name} {stage.jobs}" for name, stage in self._stages.items())
            self._write(f"{format_jobs(self._count_jobs())} to run: {counts}")

    def _begin_job(self, record: logging.LogRecord) -> None:
        name = self._stage_of_rule.get(record.rule_name)
        if name not in self._stages:  # a target, which makes nothing
            return
        self._stage_of_job[record.jobid] = name
        self._count_time()
        stage = self._stages[name]
        stage.running.add(record.jobid)
        stage.failed.discard(record.jobid)
        stage.jobs = max(stage.jobs, stage.done + len(stage.running))

    def _finish_job(self, record: logging.LogRecord) -> None:
        name = self._stage_of_job.get(record.job_id)
        if name is None:
            return
        self._count_time()
        stage = self._stages[name]
        stage.running.discard(record.job_id)
        stage.done += 1
        between = _SECONDS_BETWEEN_ON_TERMINAL if self._on_terminal else _SECONDS_BETWEEN
        ended = stage.done + len(stage.failed) == stage.jobs
        if ended or time.monotonic() - self._written >= between:
            self._write_stage(name)
        if all(stage.done == stage.jobs for stage in self._stages.values()):
            self._write(f"{format_jobs(self._count_jobs())} done in {format_time(time.monotonic() - self._started)}")

    def _fail_job(self, record: logging.LogRecord) -> None:
        name = self._stage_of_job.get(record.jobid)
        if name is None:
            return
        self._count_time()
        stage = self._stages[name]
        stage.running.discard(record.jobid)
        reason = self._read_reason(record.log)
        if record.indent and reason is None:  # of a group's jobs, one that did not fail itself
            return
        stage.failed.add(record.jobid)
        if reason and self._jobs_are_remote:  # others have said it on this terminal
            self._write(f"{name_job(record.log[0])}: {reason}")
        self._write_stage(name)

    def _read_reason(self, logs: Iterable[str]) -> str | None:
        return read_failure(logs, since=self._attached)

    def _count_time(self) -> None:
        now = time.monotonic()
        running = [stage for stage in self._stages.values() if stage.running]
        jobs = sum(len(stage.running) for stage in running)
        for stage in running:
            stage.seconds += now - self._counted
            stage.share += (now - self._counted) * len(stage.running) / jobs
        self._counted = now

    def _count_jobs(self) -> int:
        return sum(stage.jobs for stage in self._stages.values())

    def _write_stage(self, name: str) -> None:
        stage = self._stages[name]
        width = max(map(len, self._stages))
        done = f"{name:{width}}  {stage.done} of {format_jobs(stage.jobs)}"
        if stage.failed:
            done += f", {len(stage.failed)} failed"
        took = format_time(stage.seconds)
        left = stage.estimate_seconds_left()
        if left:
            took += f", about {format_time(left)} left"
        all_done = sum(stage.done for stage in self._stages.values())
        run = f"all: {all_done} of {self._count_jobs()}"
        lefts = [stage.estimate_seconds_left() for stage in self._stages.values()]
        if known := sum(left for left in lefts if left):
            run += f", {'at least about' if None in lefts else 'about'} {format_time(known)} left"
        self._write(f"{done:{width + 18}}  {took:26}  {run}")
        self._written = time.monotonic()

    def _write(self, line: str) -> None:
        self._stream.write(f"{CLEAR_LINE if self._on_terminal else ''}{line.rstrip()}\n")
        self._stream.flush()


def format_jobs(number: int) -> str:
    return f"{number} job{'s' * (number != 1)}"


def format_time(seconds: float) -> str:
    """Return a time as one reads it: ``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
