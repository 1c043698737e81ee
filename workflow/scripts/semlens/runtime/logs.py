"""One log per job: what the terminal sees, and the traceback when something fails."""

import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

log = logging.getLogger("semlens")
T = TypeVar("T")

_MIN_SECONDS_LOGGED = 2.0  # seconds
_FAILED = re.compile(r"^    log: (.+) \(check log file\(s\) for error details\)$", re.MULTILINE)
_SCRIPTS = Path(__file__).parents[2]
_DIGEST = re.compile(r"-[0-9a-f]{12}$")
CLEAR_LINE = "\r\033[K"  # of another process's progress bar


class _AboveBars(logging.Handler):
    """To the terminal without tearing progress bars; each line begins with the job's name."""

    def __init__(self, job: str) -> None:
        super().__init__(logging.INFO)
        self.job = job

    def emit(self, record: logging.LogRecord) -> None:
        clear = CLEAR_LINE if sys.stderr.isatty() else ""
        line = f"{clear}{self.job}: {record.getMessage()}\n"  # in one piece, or other jobs write between it and its end
        tqdm.write(line, file=sys.stderr, end="")


@contextmanager
def log_job(path: str | Path) -> Iterator[None]:
    """Send messages to the terminal and to ``path``; end a failing job with one clear line.

    Many jobs write to one terminal, so each line there begins with the job's name. The terminal gets the error message
    and the log's name, the log gets the traceback as well.

    Raises
    ------
    SystemExit
        With status 1, in place of any exception raised inside.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    terminal = _AboveBars(name_job(path))
    file = logging.FileHandler(path, mode="w", encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.handlers = [terminal, file]
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(file)
    started = time.monotonic()
    try:
        yield
        log.debug("done in %.2f s", time.monotonic() - started)
    except Exception as error:
        terminal.setLevel(logging.CRITICAL)
        log.exception("failed")
        terminal.setLevel(logging.INFO)
        log.error("%s: %s (traceback in %s)", type(error).__name__, error, path)
        raise SystemExit(1) from error
    finally:
        log.handlers = []
        logging.getLogger("py.warnings").removeHandler(file)
        file.close()


def name_job(path: str | Path) -> str:
    """Return a job's name, as in ``extract_features plain/tiny/coco/00000``, from the path of its log.

    The path is some folders, the rule, and the job's wildcards. A digest at their end is left out.
    """
    parts = Path(path).with_suffix("").parts
    for number, part in enumerate(parts):
        if (_SCRIPTS / f"{part}.py").is_file():  # a rule's script has its name
            return f"{part} {_DIGEST.sub('', '/'.join(parts[number + 1 :]))}"
    return parts[-1]


def read_failure(paths: Iterable[str | Path], since: float) -> str | None:
    """Return the reason with which a job failed, from the first of its logs that gives one.

    Logs that were last written before the time ``since`` are those of former runs.
    """
    for path in map(Path, paths):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").split(" ERROR ")
            is_of_this_run = path.stat().st_mtime >= since
        except OSError:
            continue
        if len(lines) > 1 and is_of_this_run:
            return lines[-1].strip()
    return None


def list_failures(run_log: str | Path, since: float) -> list[str]:
    """Return each job that failed in a run and its reason, once each, from the logs that Snakemake's own log names.

    The run began at the time ``since``.
    """
    text = Path(run_log).read_text(encoding="utf-8", errors="replace")
    reasons = []
    for named in dict.fromkeys(_FAILED.findall(text)):
        paths = named.split(", ")  # the job's log, and its log of a cluster
        reasons.append(f"{name_job(paths[0])}: {read_failure([named, *paths], since) or f'see {named}'}")
    return reasons


def show_progress(items: Iterable[T], *, total: int, what: str, unit: str) -> Iterator[T]:
    """Yield ``items`` behind a progress bar; what takes seconds also leaves a line in the log at every tenth.

    Where the terminal is none (a cluster's log, CI), it gets the lines instead of the bar.
    """
    with open_progress(total=total, what=what, unit=unit) as count:
        for item in items:
            yield item
            count(1)


@contextmanager
def open_progress(*, total: int, what: str, unit: str) -> Iterator[Callable[[int], None]]:
    """Give the function that moves such a bar on by so many units, or back; bytes (``B``) are shown as kB, MB, GB."""
    started = time.monotonic()
    scale = unit == "B"
    done = 0
    job = "".join(f"{handler.job}: " for handler in log.handlers if isinstance(handler, _AboveBars))
    with tqdm(total=total, desc=f"{job}{what}", unit=unit, unit_scale=scale, dynamic_ncols=True, disable=None) as bar:
        level = logging.INFO if bar.disable else logging.DEBUG

        def count(more: int) -> None:
            nonlocal done
            done += more
            bar.update(more)
            elapsed = time.monotonic() - started
            if more and elapsed > _MIN_SECONDS_LOGGED and done * 10 // total > (done - more) * 10 // total:
                line = tqdm.format_meter(
                    done, total, elapsed, prefix=what, unit=unit, unit_scale=scale, ncols=79, ascii=True
                )
                log.log(level, "%s", line)

        yield count
