"""Files are written whole or not at all."""

import errno
import os
import socket
import subprocess
import sys
import time
from functools import partial
from subprocess import PIPE

import pytest

from semlens.runtime.files import create_folder, quarantine_if_corrupt, write_atomically


def test_block_that_ends_well_leaves_the_file_alone_in_its_folder(tmp_path):
    path = tmp_path / "t.txt"
    with write_atomically(path) as file:
        file.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_block_that_fails_leaves_no_file(tmp_path):
    path = tmp_path / "t.txt"
    with pytest.raises(RuntimeError, match="halfway"), write_atomically(path) as file:
        file.write_text("ne")
        raise RuntimeError("halfway")
    assert not path.exists()


def test_block_that_fails_keeps_the_former_file(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="halfway"), write_atomically(path) as file:
        file.write_text("ne")
        raise RuntimeError("halfway")
    assert path.read_text() == "old"


def test_block_that_ends_well_replaces_the_former_file(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("old")
    with write_atomically(path) as file:
        file.write_text("new")
    assert path.read_text() == "new"


WRITER = """
import sys
from semlens.runtime.files import write_atomically
with write_atomically(sys.argv[1]) as file:
    file.write_text("another's")
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def another(tmp_path):
    """Another process in the middle of writing t.txt; what it is told ends it well."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path / "t.txt"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def test_two_that_write_one_file_never_mix(tmp_path, another):
    path = tmp_path / "t.txt"
    with write_atomically(path) as file:
        file.write_text("mine, and longer")
    assert path.read_text() == "mine, and longer"
    another.communicate("")
    assert another.returncode == 0
    assert path.read_text() == "another's"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_never_the_file_and_goes(tmp_path, another):
    path = tmp_path / "t.txt"
    another.kill()
    another.wait()
    (left,) = tmp_path.iterdir()
    assert left != path and left.read_text() == "another's"
    with write_atomically(path) as file:
        assert not left.exists()
        file.write_text("mine")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("hours", "stays"), [(1, True), (25, False)])
def test_what_another_machine_writes_stays_until_it_is_long_silent(tmp_path, hours, stays):
    path, left = tmp_path / "t[1].txt", tmp_path / ".t[1].txt.node7.cluster.4711.partial"
    left.write_text("half")
    os.utime(left, (left.stat().st_mtime - hours * 3600,) * 2)
    with write_atomically(path) as file:
        file.write_text("mine")
    assert left.exists() == stays


def test_other_files_of_the_folder_stay(tmp_path):
    path = tmp_path / "t.txt"
    others = [
        tmp_path / f".t.txt.old.{socket.gethostname()}.999999999.other",
        tmp_path / f".other.txt.{socket.gethostname()}.999999999.partial",
    ]
    for other in others:
        other.write_text("kept")
    with write_atomically(path) as file:
        file.write_text("mine")
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


def test_what_cannot_be_decoded_is_set_aside_with_the_way_out(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_text("spoiled")
    wanted = r"t\.parquet is corrupt \(no magic\); .* t\.parquet\.corrupt; run again"
    with pytest.raises(ValueError, match=wanted), quarantine_if_corrupt(path):
        raise OSError("no magic")
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.parquet.corrupt"]


def test_what_another_thread_has_set_aside_is_set_aside(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_text("spoiled")
    with (
        pytest.raises(ValueError, match=r"\(second\); it is now called t\.parquet\.corrupt"),
        quarantine_if_corrupt(path),
    ):
        with pytest.raises(ValueError, match="first"), quarantine_if_corrupt(path):
            raise OSError("first")
        raise OSError("second")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        *(
            OSError(number, os.strerror(number))
            for number in (
                errno.ENOENT, errno.EACCES, errno.EIO, errno.ENFILE, errno.EMFILE, errno.ENOMEM, errno.ENOLCK,
                errno.EAGAIN, errno.ESTALE, errno.ETIMEDOUT,
            )
        ),
    ],
    ids=str,
)  # fmt: skip
def test_what_could_not_even_be_read_stays(tmp_path, error):
    path = tmp_path / "t.parquet"
    path.write_text("whole")
    with pytest.raises(type(error)), quarantine_if_corrupt(path):
        raise error
    assert path.read_text() == "whole"


def test_what_cannot_be_set_aside_is_to_be_deleted(tmp_path):
    with (
        pytest.raises(ValueError, match=r"is corrupt .* delete it and run again"),
        quarantine_if_corrupt(tmp_path / "gone"),
    ):
        raise ValueError("no magic")


def fill(path, content):
    with create_folder(path) as folder:
        if folder is not None:
            (folder / "a").write_text(content)


def test_a_folder_appears_whole_and_stays(tmp_path):
    path = tmp_path / "dataset-1"
    with create_folder(path) as folder:
        (folder / "a").write_text("first")
        assert not path.exists()
    fill(path, "second")
    assert (path / "a").read_text() == "first"
    assert [file.name for file in tmp_path.iterdir() if not file.name.startswith(".")] == ["dataset-1"]


def test_a_folder_that_fails_does_not_appear(tmp_path):
    path = tmp_path / "dataset-1"
    with pytest.raises(RuntimeError, match="interrupted"), create_folder(path) as folder:
        (folder / "a").write_text("half")
        raise RuntimeError("interrupted")
    assert not path.exists()
    fill(path, "whole")
    assert (path / "a").read_text() == "whole"


@pytest.mark.parametrize("left", [(), (".snakemake_timestamp",)])
def test_an_empty_folder_is_filled(tmp_path, left):
    path = tmp_path / "dataset-1"
    path.mkdir()
    for name in left:
        (path / name).touch()
    fill(path, "whole")
    assert (path / "a").read_text() == "whole"


def test_who_wants_the_same_folder_waits_and_keeps_it(tmp_path):
    path = tmp_path / "dataset-1"
    code = f"""
from semlens.runtime.files import create_folder
with create_folder({str(path)!r}) as folder:
    print("mine" if folder is not None else "another's", flush=True)
    input()
    if folder is not None:
        (folder / "a").write_text("first")
"""
    library = os.pathsep.join(sys.path)
    pipes = {"text": True, "stdin": PIPE, "stdout": PIPE, "stderr": PIPE}
    start = partial(subprocess.Popen, [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": library}, **pipes)
    with start() as first:
        assert first.stdout.readline() == "mine\n"
        with start() as second:
            time.sleep(1)
            assert second.poll() is None and not path.exists()
            first.communicate("\n")
            assert second.communicate("\n")[0] == "another's\n"
    assert (path / "a").read_text() == "first"
