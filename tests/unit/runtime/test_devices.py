"""The device that is asked for; and processes that share GPUs, each its own."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from semlens.runtime import devices
from semlens.runtime.devices import resolve_device

SCRIPTS = Path(devices.__file__).parents[2]
CLAIM = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
from pathlib import Path
from semlens.runtime import devices
print(devices.claim_gpu(["one", "two"], Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["tpu", "", "CPU", "cuda", "mps"])
def test_a_device_that_is_not_there_is_named_with_those_that_are(name):
    if (name == "cuda" and torch.cuda.is_available()) or (name == "mps" and torch.backends.mps.is_available()):
        pytest.skip(f"{name} is here")
    with pytest.raises(ValueError) as error:
        resolve_device(name)
    assert f"device {name!r} is not available here" in str(error.value)
    assert "'cpu'" in str(error.value)


def test_auto_takes_the_best_gpu_there_is_and_never_the_cpu():
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "mps")
        return
    with pytest.raises(ValueError, match=r"finds no GPU here: .+; to compute on the CPU, set 'device: cpu'"):
        resolve_device("auto")


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
@pytest.mark.parametrize(
    ("version", "reason"), [(None, r"torch .* is a build for CPUs alone"), ("13.0", r"\(CUDA_VISIBLE_DEVICES is '7'\)")]
)
def test_a_missing_gpu_is_explained(version, reason, monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", version)
    monkeypatch.setattr(torch.version, "hip", None, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    with pytest.raises(ValueError, match=reason):
        resolve_device("cuda")


def test_the_cpu_is_taken_where_it_is_asked_for():
    assert resolve_device("cpu") == torch.device("cpu")


def test_gpus_are_shared_where_a_file_system_has_no_locks(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(devices.fcntl, "flock", refuse)
    assert devices.claim_gpu(["one", "two"], tmp_path) in (0, 1)


class Process:
    """One that claims one of two, and keeps it until it is told to end or killed."""

    def __init__(self, folder):
        command = [sys.executable, "-c", CLAIM, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.has = int(self._process.stdout.readline())

    def kill(self):
        self._process.kill()
        self._process.wait()


def test_each_process_has_its_own_until_there_are_too_many(tmp_path):
    processes = [Process(tmp_path), Process(tmp_path)]
    try:
        assert [process.has for process in processes] == [0, 1]
        processes.append(Process(tmp_path))
        assert processes[2].has in (0, 1)
        processes[1].kill()
        processes.append(Process(tmp_path))
        assert processes[3].has == 1
    finally:
        for process in processes:
            process.kill()
