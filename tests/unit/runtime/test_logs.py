"""The log of a job: one clear line for the terminal, everything for the file."""

import logging
import re
import time
import warnings

import pytest

from semlens.runtime import logs
from semlens.runtime.logs import list_failures, log, log_job, name_job, open_progress, show_progress


@pytest.fixture(autouse=True)
def leave_logging_as_it_was():
    propagate, level = log.propagate, log.level
    yield
    log.propagate = propagate
    log.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pool_prototypes" / "voc.log"


def fail(path, error):
    with pytest.raises(SystemExit) as exit, log_job(path):
        log.info("so far, so good")
        raise error
    return exit.value


def test_messages_go_to_the_terminal_and_to_the_log(path, capsys):
    with log_job(path):
        log.info("12 instances of %s", "dog")
    captured = capsys.readouterr()
    assert captured.err == "pool_prototypes voc: 12 instances of dog\n"
    assert captured.out == ""
    assert path.read_text().splitlines()[0].endswith(" INFO 12 instances of dog")


def test_the_reasons_of_failed_jobs_are_found_once_each(path, tmp_path):
    fail(path, ValueError("no mask in voc"))
    gone = tmp_path / "gone.log"
    said = "".join(f"    log: {log} (check log file(s) for error details)\n" for log in (path, gone, path))
    (tmp_path / "run.log").write_text(f"Error in rule pool_prototypes:\n    jobid: 3\n{said}")
    assert list_failures(tmp_path / "run.log", since=0) == [
        f"pool_prototypes voc: ValueError: no mask in voc (traceback in {path})",
        f"gone: see {gone}",
    ]


def test_a_reason_is_found_where_a_cluster_has_a_log_of_its_own(path, tmp_path):
    fail(path, ValueError("no mask in voc"))
    said = f"    log: {path}, {tmp_path}/slurm.log (check log file(s) for error details)\n"
    (tmp_path / "run.log").write_text(said)
    assert list_failures(tmp_path / "run.log", since=0) == [
        f"pool_prototypes voc: ValueError: no mask in voc (traceback in {path})"
    ]


def test_the_reason_of_a_former_run_is_not_believed(path, tmp_path):
    fail(path, ValueError("no mask in voc"))
    (tmp_path / "run.log").write_text(f"    log: {path} (check log file(s) for error details)\n")
    (said,) = list_failures(tmp_path / "run.log", since=path.stat().st_mtime + 1)
    assert said == f"pool_prototypes voc: see {path}"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("results/logs/extract_features/plain/tiny/coco/00000.log", "extract_features plain/tiny/coco/00000"),
        ("/scratch/lens/logs/render_dataset/coco-0123456789ab.log", "render_dataset coco"),
        ("logs/download_file/VOCtrainval_11-May-2012.tar.log", "download_file VOCtrainval_11-May-2012.tar"),
        ("results/100%/logs/describe_run/provenance.log", "describe_run provenance"),
        ("results/demo-model/train.log", "train"),
    ],
)
def test_a_job_is_named_as_its_log_is(path, name):
    assert name_job(path) == name


def test_details_go_to_the_log_alone(path, capsys):
    with log_job(path):
        log.debug("a detail")
    assert capsys.readouterr().err == ""
    assert "DEBUG a detail" in path.read_text()


def test_the_log_ends_with_the_time_that_the_work_took(path):
    with log_job(path):
        time.sleep(0.1)
    assert 0.1 <= float(re.search(r"done in (\S+) s\n$", path.read_text())[1]) < 5


def test_error_ends_the_job_with_status_1_and_its_cause(path):
    error = ValueError("image 7 is missing")
    ending = fail(path, error)
    assert ending.code == 1
    assert ending.__cause__ is error


def test_error_is_one_line_on_the_terminal_naming_the_log(path, capsys):
    fail(path, ValueError("image 7 is missing"))
    first, second = capsys.readouterr().err.splitlines()
    assert first == "pool_prototypes voc: so far, so good"
    assert second == f"pool_prototypes voc: ValueError: image 7 is missing (traceback in {path})"


def test_error_leaves_its_traceback_in_the_log(path):
    fail(path, ValueError("image 7 is missing"))
    text = path.read_text()
    assert "so far, so good" in text
    assert "Traceback (most recent call last)" in text
    assert "in fail" in text
    assert "ValueError: image 7 is missing" in text


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_interruption_is_not_an_error(path, capsys, interruption):
    with pytest.raises(type(interruption)) as caught, log_job(path):
        raise interruption
    assert caught.value is interruption
    assert capsys.readouterr().err == ""


def test_log_of_a_former_run_is_replaced(path):
    for message in ("first run", "second run"):
        with log_job(path):
            log.info(message)
    assert "second run" in path.read_text()
    assert "first run" not in path.read_text()


@pytest.mark.parametrize("error", [None, ValueError("no")], ids=["good end", "bad end"])
def test_nothing_is_logged_after_the_block(path, error):
    if error:
        fail(path, error)
    else:
        with log_job(path):
            pass
    before = path.read_text()
    log.warning("too late")
    warnings.warn("also too late", stacklevel=1)
    assert path.read_text() == before


def test_warnings_of_libraries_go_to_the_log(path, capsys):
    with log_job(path):
        warnings.warn("mean of an empty slice", RuntimeWarning, stacklevel=1)
    assert "RuntimeWarning: mean of an empty slice" in path.read_text()
    assert capsys.readouterr().err == ""


def test_progress_yields_everything_in_order(path):
    with log_job(path):
        assert list(show_progress(iter("abcde"), total=5, what="letters", unit="letter")) == list("abcde")


TENTHS = pytest.mark.parametrize(("total", "lines"), [(100, 10), (1000, 10), (10, 10), (3, 3), (0, 0)])


def work_through(total, path):
    with log_job(path):
        for _ in show_progress(range(total), total=total, what="prototypes", unit="image"):
            pass
    return [line for line in path.read_text().splitlines() if "prototypes" in line]


@TENTHS
def test_long_work_leaves_a_line_at_every_tenth_in_log_and_output(path, capsys, monkeypatch, total, lines):
    monkeypatch.setattr(logs, "_MIN_SECONDS_LOGGED", -1)
    written = work_through(total, path)
    assert len(written) == lines
    assert [line.split(" prototypes")[1] for line in capsys.readouterr().err.splitlines()] == [
        line.split(" prototypes")[1] for line in written
    ]
    if lines:
        assert f"{total}/{total}" in written[-1]


@TENTHS
def test_long_work_shows_a_bar_on_a_terminal_and_leaves_lines_in_the_log(path, capsys, monkeypatch, total, lines):
    monkeypatch.setattr(logs, "_MIN_SECONDS_LOGGED", -1)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert len(work_through(total, path)) == lines
    shown = capsys.readouterr().err
    assert f"{total}/{total}" in shown or total == 0
    assert "pool_prototypes voc: prototypes: " in shown
    assert shown.count("\n") == 1  # one bar, no lines


def test_quick_work_leaves_no_lines(path, capsys):
    assert work_through(100, path) == []
    assert capsys.readouterr().err == ""


def test_nothing_to_count_is_no_error_however_long_it_takes(path, monkeypatch):
    monkeypatch.setattr(logs, "_MIN_SECONDS_LOGGED", 0)
    with log_job(path), open_progress(total=0, what="compare", unit="pair") as count:
        count(0)
    assert "ERROR" not in path.read_text()


def test_bytes_are_counted_forth_and_back_and_shown_in_their_multiples(path, capsys, monkeypatch):
    monkeypatch.setattr(logs, "_MIN_SECONDS_LOGGED", -1)
    with log_job(path), open_progress(total=3_000_000, what="archive.zip", unit="B") as count:
        for more in (1_500_000, 0, -1_500_000, 1_000, 2_999_000):
            count(more)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "1.50M/3.00M" in lines[0]
    assert "3.00M/3.00M" in lines[1]
