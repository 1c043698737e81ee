"""A server on the loopback interface that misbehaves on demand."""

import re
import threading
import time
import zlib
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class Request:
    """What the server was asked for, and what it gave."""

    path: str
    start: int
    sent: int = 0


class Server(ThreadingHTTPServer):
    """An HTTP server on the loopback interface that misbehaves where ``tricks`` say so, one trick per request.

    A trick is a status, a status with headers, or: ``cut`` (the connection, after three quarters of what was asked
    for), ``early cut`` (after one), ``byte`` (after one byte), ``stall`` (after three quarters), ``pause`` (there, for
    a moment), ``silent`` (no answer at all), ``drip`` (a byte at a time), ``elsewhere`` (not the part that was asked
    for), ``unsized`` (no length) or ``unsized cut``. What ``next`` has for a path takes its place after one answer.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.tricks: dict[str, list] = defaultdict(list)
        self.next: dict[str, bytes] = {}
        self.knows_ranges = self.knows_versions = self.heeds_conditions = True
        self.requests: list[Request] = []
        self.pausing = self.most_pausing = 0
        self.over = threading.Event()
        self.counting = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with suppress(ConnectionError):  # the client has had enough
            self.answer()

    def answer(self):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        request = Request(self.path, int(asked[1]) if asked else 0)
        tricks = self.server.tricks[self.path]
        with self.server.counting:
            self.server.requests.append(request)
            trick = tricks.pop(0) if tricks else None
        if trick == "silent":
            self.server.over.wait(20)
            return
        content = self.server.files.get(self.path)
        version = f'"{zlib.crc32(content or b"")}"' if self.server.knows_versions else ""
        changed = version and self.server.heeds_conditions and self.headers.get("If-Range", version) != version
        start = 0 if changed or not self.server.knows_ranges else request.start
        if trick == "elsewhere":
            start -= 100
        if self.path in self.server.next:
            self.server.files[self.path] = self.server.next.pop(self.path)
        status, headers = (206 if start else 200), {}
        if isinstance(trick, tuple):
            status, headers = trick
        elif isinstance(trick, int):
            status = trick
        elif content is None:
            status = 404
        elif start >= len(content):
            status = 416
        body = content[start:] if status in (200, 206) else b"an apology"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not str(trick).startswith("unsized"):
            self.send_header("Content-Length", str(len(body)))
        if version and status in (200, 206):
            self.send_header("ETag", version)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        early = len(body) * (1 if trick == "early cut" else 3) // 4
        if trick == "byte":
            self.send(body[:1], request)
        elif trick in ("cut", "early cut", "unsized cut"):
            self.send(body[:early], request)
        elif trick in ("stall", "pause"):
            self.send(body[:early], request)
            with self.server.counting:
                self.server.pausing += 1
                self.server.most_pausing = max(self.server.pausing, self.server.most_pausing)
            self.server.over.wait(20 if trick == "stall" else 0.3)
            with self.server.counting:
                self.server.pausing -= 1
            self.send(body[early:], request)
        elif trick == "drip":
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                self.wfile.flush()
                time.sleep(0.02)
        else:
            self.send(body, request)

    def send(self, body, request):
        for at in range(0, len(body), 2**14):
            request.sent += len(body[at : at + 2**14])  # before the client can know
            self.wfile.write(body[at : at + 2**14])
            self.wfile.flush()

    def log_message(self, *_):
        pass


@contextmanager
def serving():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def loopback():
    """The same, for all tests of a module."""
    with serving() as server:
        yield server


def pytest_collection_modifyitems(items):
    """What needs a finished run takes longest, and begins first where two processes share the tests."""
    items.sort(key=lambda item: "finished" not in item.fixturenames)
