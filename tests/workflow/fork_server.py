"""Runs Snakemake's command line in forks of a process that has imported it once: each call saves that second.

As a script, the server: it accepts calls on a Unix socket until its caller ends. Each call has its own folder,
environment and arguments; what it prints comes back, and its exit status.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path


def call(arguments: list[str], *, cwd: Path, env: dict[str, str]) -> tuple[int, str]:
    """Run ``snakemake`` with these arguments; return its exit status and all that it printed."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(_start()[1])
        client.sendall(json.dumps({"arguments": arguments, "cwd": str(cwd), "env": env}).encode())
        client.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: client.recv(1 << 16), b"")).decode()
    said, _, status = said.rpartition("\0")
    return int(status or 1), said


@cache
def _start() -> tuple[subprocess.Popen, str]:
    """Start the server of this process, which ends with it; return it and its address."""
    address = str(Path(tempfile.mkdtemp(), "socket"))
    server = subprocess.Popen([sys.executable, __file__, address], stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"ready\n"
    return server, address


def _serve(address: str) -> None:
    from snakemake.cli import main

    parent, listener = os.getppid(), socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for forks
    listener.settimeout(1)
    print("ready", flush=True)
    while os.getppid() == parent:
        try:
            client, _ = listener.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            client.setblocking(True)
            _answer(client, main)
        client.close()


def _answer(client: socket.socket, main: Callable[[], None]) -> None:
    """In a fork: run what was asked for as a process of its own would, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked = json.loads(b"".join(iter(lambda: client.recv(1 << 16), b"")))
    for stream in (1, 2):
        os.dup2(client.fileno(), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = ["snakemake", *asked["arguments"]]
    sys.path[0] = asked["cwd"]
    status = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    client.sendall(f"\0{status}".encode())
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
