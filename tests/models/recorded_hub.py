"""A recorded hub: a real HTTP server that speaks the part of Hugging Face's API that a download needs.

It is not the public hub: it says what that one is known to say and ``huggingface_hub`` reads. ``HEAD`` of a
file with its commit, size and SHA-256, ``GET`` with ranges, the list of a repository's files, and refusals.
It can cut, corrupt and refuse on purpose.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_FILE = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<filename>.+)")
_LIST = re.compile(r"/api/models/(?P<repository>[^/]+/[^/]+)/revision/.+")


@dataclass
class RecordedHub:
    """What it holds, what it does wrong, and what it was asked.

    Attributes:
        files: bytes by ``owner/repository/filename``.
        cuts: at which byte the next answers end; one is used up by each.
        corrupted: byte that the next answers flip; one is used up by each.
        ignores_ranges: answers with the whole file whatever was asked.
        refuses: status of every answer, instead of one.
        stalls_after: byte at which it waits until ``go_on`` is set.
        asked: method, path and range of each request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    corrupted: list[int] = field(default_factory=list)
    ignores_ranges: bool = False
    refuses: int = 0
    says_checksums: bool = True
    stalls_after: int | None = None
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    address: str = ""

    def ranges(self) -> list[str]:
        return [where for method, _, where in self.asked if method == "GET" and where]

    def n_sent(self) -> int:
        return sum(method == "GET" for method, path, _ in self.asked if "/resolve/" in path)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: RecordedHub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = urlsplit(self.path).path
        self.hub.asked.append((self.command, path, self.headers.get("Range", "")))
        if self.hub.refuses:
            return self._refuse(self.hub.refuses, "refused on purpose")
        if found := _LIST.fullmatch(path):
            return self._list(found["repository"])
        if found := _FILE.fullmatch(path):
            data = self.hub.files.get(f"{found['repository']}/{found['filename']}")
            if data is not None:
                return self._file(data, with_body=with_body)
            return self._refuse(404, "Entry not found", code="EntryNotFound")
        return self._refuse(404, "Repository not found", code="RepoNotFound")

    def _refuse(self, status: int, message: str, *, code: str = "") -> None:
        body = json.dumps({"error": message}).encode()
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _list(self, repository: str) -> None:
        held = {
            name.removeprefix(f"{repository}/"): data
            for name, data in self.hub.files.items()
            if name.startswith(f"{repository}/")
        }
        if not held:
            return self._refuse(404, "Repository not found", code="RepoNotFound")
        siblings = [
            {
                "rfilename": name,
                "size": len(data),
                "blobId": "0" * 40,
                "lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134},
            }
            for name, data in held.items()
        ]
        body = json.dumps(
            {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def _file(self, data: bytes, *, with_body: bool) -> None:
        checksum = hashlib.sha256(data).hexdigest()
        first, end = 0, len(data)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and not self.hub.ignores_ranges:
            first, end = int(asked[1]), int(asked[2]) + 1 if asked[2] else len(data)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        if self.hub.says_checksums:
            self.send_header("X-Linked-Etag", f'"{checksum}"')
        self.send_header("X-Linked-Size", str(len(data)))
        self.send_header("ETag", '"0123456789"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - first))
        self.end_headers()
        if with_body:
            self._send(data, first, end)

    def _send(self, data: bytes, first: int, end: int) -> None:
        if self.hub.corrupted:
            place = self.hub.corrupted.pop(0)
            data = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        if self.hub.stalls_after is not None and first < self.hub.stalls_after < end:
            self.wfile.write(data[first : self.hub.stalls_after])
            self.wfile.flush()
            self.hub.stalled.set()
            self.hub.go_on.wait(60)
            first = self.hub.stalls_after
        cut = self.hub.cuts.pop(0) if self.hub.cuts else end
        with contextlib.suppress(ConnectionError):  # a client that was stopped does not wait for the rest
            self.wfile.write(data[first : max(first, min(cut, end))])
        if cut < end:
            self.close_connection = True


@contextmanager
def recorded_hub() -> Iterator[RecordedHub]:
    hub = RecordedHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
