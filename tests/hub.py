"""A model hub on this machine: what huggingface_hub asks for, and no more."""

import hashlib
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType


class Hub(ThreadingHTTPServer):
    """Serves folders as models under their ``owner/name``; ``asked`` lists what was asked for.

    Attributes
    ----------
    models
        Folders by name.
    gated
        The names of models that are given to nobody.
    """

    daemon_threads = True

    def __init__(self, models: Mapping[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models, self.gated, self.asked = dict(models), set(), []
        self.address = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> "Hub":
        Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()

    def find_commit(self, name: str) -> str:
        """Return the commit of a model: a hash of its files' names and bytes."""
        digest = hashlib.sha1()
        for path, file in self.list_files(name).items():
            digest.update(path.encode() + file.read_bytes())
        return digest.hexdigest()

    def list_files(self, name: str) -> dict[str, Path]:
        folder = self.models[name]
        return {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()}


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.split("?")[0].strip("/")
        self.server.asked.append((self.command, path))
        asked = path.removeprefix("api/models/").split("/")
        name, rest = "/".join(asked[:2]), asked[2:]
        if name not in self.server.models:
            return self._send(401, {"X-Error-Code": "RepoNotFound"}, b"", with_body)
        if name in self.server.gated:
            return self._send(403, {"X-Error-Code": "GatedRepo"}, b"", with_body)
        commit, files = self.server.find_commit(name), self.server.list_files(name)
        if len(rest) > 1 and rest[1] not in ("main", commit):
            return self._send(404, {"X-Error-Code": "RevisionNotFound"}, b"", with_body)
        if path.startswith("api/models/"):
            if rest[:1] == ["tree"]:
                info = [
                    {"type": "file", "path": path, "size": file.stat().st_size, "oid": "0" * 40}
                    for path, file in files.items()
                ]
            else:
                info = {"id": name, "sha": commit, "siblings": [{"rfilename": path} for path in files]}
            return self._send(200, {"Content-Type": "application/json"}, json.dumps(info).encode(), with_body)
        file = files.get("/".join(rest[2:]))
        if file is None:
            return self._send(404, {"X-Error-Code": "EntryNotFound"}, b"", with_body)
        content = file.read_bytes()
        tag = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        return self._send(200, tag, content, with_body)

    def _send(self, status: int, headers: Mapping[str, str], content: bytes, with_body: bool) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass
