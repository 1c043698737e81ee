"""Where to compute: the device that is asked for, of several GPUs one that no other job has; and copies to and fro."""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from semlens.runtime.logs import log

if TYPE_CHECKING:
    import torch

_held: list[int] = []  # open files, whose locks end with the process


@cache
def resolve_device(name: str) -> "torch.device":
    """Return the device to compute on; ``auto`` is CUDA, else MPS, and never the slow CPU.

    Where several GPUs are visible, each process has its own until there are more processes than GPUs.

    Raises
    ------
    ValueError
        If the device asked for is not there, with the reason.
    """
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    kind = next((kind for kind in ("cuda", "mps") if available[kind]), None) if name == "auto" else name
    if kind is None:
        raise ValueError(
            f"device 'auto' finds no GPU here: {_explain_missing_gpu()}; to compute on the CPU, set 'device: cpu' (or "
            f"--set-resources RULE:device=cpu, for one rule of the workflow)"
        )
    if not available.get(kind):
        reason = f": {_explain_missing_gpu()}" if kind == "cuda" else ""
        raise ValueError(
            f"device {name!r} is not available here{reason}; use one of {[k for k, v in available.items() if v]}"
        )
    if kind != "cuda" or torch.cuda.device_count() == 1:
        return torch.device(kind)
    uuids = [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]
    number = claim_gpu(uuids, Path(tempfile.gettempdir()))
    log.info("computing on GPU %d of %d", number, len(uuids))
    return torch.device(kind, number)


def _explain_missing_gpu() -> str:
    """Return why torch sees no NVIDIA or AMD GPU."""
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        return f"torch {torch.__version__} is a build for CPUs alone"
    reason = "the driver names no GPU"
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().split("\n")[0]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return reason if visible is None else f"{reason} (CUDA_VISIBLE_DEVICES is {visible!r})"


def describe_device(device: "torch.device") -> str:
    """Return the name of a device: a GPU's model, or its kind."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def copy_to_device(tensor: "torch.Tensor", device: "torch.device") -> "torch.Tensor":
    """Return a tensor on a device; CUDA copies it while the host goes on."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def copy_to_host(tensors: Sequence["torch.Tensor"]) -> list["torch.Tensor"]:
    """Return tensors of one device on the host, which waits once for all of them."""
    import torch

    if not any(tensor.is_cuda for tensor in tensors):
        return [tensor.cpu() for tensor in tensors]
    copies = [
        torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)
        for tensor in tensors
    ]
    torch.cuda.current_stream(tensors[0].device).synchronize()
    return copies


class SideStream:
    """Lets a second thread compute on what a first has asked a device for, without waiting for what that asks for next.

    On CUDA, work that threads ask for would otherwise be done in the order of asking.

    Attributes
    ----------
    depth
        How far ahead stages may run that use the device. On MPS, which torch lets one thread use at a time, not at all.
    """

    def __init__(self, device: "torch.device") -> None:
        import torch

        self._device, self.depth = device, 0 if device.type == "mps" else 1
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def mark(self) -> "torch.cuda.Event | None":
        """Return what says, once reached, that all is done that this thread has asked for so far."""
        import torch

        return torch.cuda.current_stream(self._device).record_event() if self._stream else None

    @contextmanager
    def follow(self, mark: "torch.cuda.Event | None") -> Iterator[None]:
        """Compute what the block asks for as soon as a mark is reached; at its end, all of it is done."""
        import torch

        if self._stream is None:
            yield
            return
        with torch.cuda.stream(self._stream):
            self._stream.wait_event(mark)
            yield
            self._stream.synchronize()


def claim_gpu(names: Sequence[str], folder: Path) -> int:
    """Return the place of the first of ``names`` that no other process has claimed in ``folder``.

    It is this process's until it ends, however it ends. If all are taken, one is shared.
    """
    for place, name in enumerate(names):
        file = os.open(folder / f"semlens-{name}.lock", os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
        except OSError as error:
            os.close(file)
            log.info("GPUs cannot be claimed (%s): jobs may share one", error)
            break
        else:
            _held.append(file)
            return place
    return os.getpid() % len(names)
