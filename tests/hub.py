"""A stand-in for the Hugging Face hub on loopback: what the real client asks for when it looks up and fetches a model."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c" * 40


@dataclass
class Repo:
    """Files by name; `cut` ends the connection of the next request for a file after so many bytes; `wrong` lies about digests.

    `commit` is what it calls its commit; `more` is sent after each file, unless a part of it is asked for.
    """

    files: dict[str, bytes]
    licence: str = "openrail++"
    cut: dict[str, int] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    commit: str = COMMIT
    more: bytes = b""


@dataclass
class Hub:
    """A running stand-in."""

    repos: dict[str, Repo]
    endpoint: str = ""
    ranges: list[tuple[str, str | None]] = field(default_factory=list)
    """Each file asked for, with the Range header."""

    def described(self, name: str) -> dict[str, object]:
        """As `/api/models/<repo>/revision/<revision>?blobs=true` answers."""
        repo = self.repos[name]
        siblings = []
        for path, content in repo.files.items():
            digest = "0" * 64 if path in repo.wrong else hashlib.sha256(content).hexdigest()
            blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            lfs = {"sha256": digest, "size": len(content), "pointerSize": 130} if path.endswith(".safetensors") else None
            siblings.append({"rfilename": path, "size": len(content), "blobId": blob} | ({"lfs": lfs} if lfs else {}))
        return {"id": name, "modelId": name, "sha": repo.commit, "siblings": siblings, "cardData": {"license": repo.licence}}


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/models/"):
            name = path.removeprefix("/api/models/").split("/revision/")[0]
            if name not in self.hub.repos:
                self._send(404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
                return
            self._send(200, json.dumps(self.hub.described(name)).encode(), {"Content-Type": "application/json"})
            return
        name, resolve, rest = path.removeprefix("/").partition("/resolve/")
        if not resolve:
            self._send(404, b"", {})
            return
        self._file(name, rest.split("/", 1)[1])

    def _file(self, name: str, file: str) -> None:
        repo = self.hub.repos[name]
        content, asked = repo.files[file], self.headers.get("Range")
        self.hub.ranges.append((file, asked))
        first, _, last = asked.removeprefix("bytes=").partition("-") if asked else ("0", "", "")
        start, end = int(first), min(int(last), len(content) - 1) if last else len(content) - 1
        body = content[start : end + 1] + (b"" if asked else repo.more)
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if asked:
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        self._send(206 if asked else 200, body, headers, cut=repo.cut.get(file))

    def _send(self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def hub_of(repos: dict[str, Repo]) -> Iterator[Hub]:
    """Serve these repositories."""
    hub = Hub(repos)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
