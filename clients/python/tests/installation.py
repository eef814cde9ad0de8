"""The built server, and a proxy that misbehaves, for the tests."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

CATALOG = Path(__file__).parents[2] / "testdata" / "catalog.yaml"


def environment(**more: str) -> Dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ALLOT_")}
    return {**clean, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **more}


class Installation:
    """One running ``allot serve`` with a data directory of its own."""

    def __init__(self, data: Path) -> None:
        self.binary = os.environ["ALLOT_BINARY"]
        self.data = str(data)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        made = self.client("everything", "all")
        self.credentials: Dict[str, Any] = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
        self.environment = {
            "ALLOT_URL": self.url,
            "ALLOT_CLIENT_ID": made["client_id"],
            "ALLOT_CLIENT_SECRET": made["client_secret"],
        }
        self.process: Optional[subprocess.Popen[str]] = None
        self.start()
        self.run("apply", str(CATALOG))

    def client(self, name: str, scope: str) -> Dict[str, str]:
        made: Dict[str, str] = json.loads(
            self.run("client", "create", "--data", self.data, "--name", name, "--scope", scope, "--json")
        )
        return made

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.binary, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}"],
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        assert self.process.stderr
        log = []
        for line in self.process.stderr:
            log.append(line)
            if "listening" in line:
                break
        else:
            raise RuntimeError("allot serve does not listen:\n" + "".join(log))
        # Read on, so that the server never waits for us.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def pull_the_plug(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def run(self, *argv: str) -> str:
        done = subprocess.run(
            [self.binary, *argv],
            env=environment(**getattr(self, "environment", {})),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"allot {argv[0]}: {done.stderr}"
        return done.stdout


class Seen(NamedTuple):
    method: str
    path: str
    key: Optional[str]


class Fault(NamedTuple):
    """What the proxy does to a request whose path begins so, after some that pass."""

    path: str
    status: int = 0  # answered in the server's place; 0: the server's answer is dropped
    headers: Dict[str, str] = {}
    code: str = "NOT_READY"
    after: int = 0


class Proxy(ThreadingHTTPServer):
    """Stands before a server, sees every request, and spoils those it is told to."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = port
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.seen: List[Seen] = []
        self.faults: List[Fault] = []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def next_fault(self, path: str) -> Optional[Fault]:
        with self.lock:
            for i, fault in enumerate(self.faults):
                if not path.startswith(fault.path):
                    continue
                if fault.after:
                    self.faults[i] = fault._replace(after=fault.after - 1)
                    return None
                return self.faults.pop(i)
        return None

    def count(self, path: str) -> int:
        return sum(seen.path.startswith(path) for seen in self.seen)


class _Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(Seen(self.command, self.path, self.headers.get("Idempotency-Key")))
        fault = self.server.next_fault(self.path)
        if fault and fault.status:
            self._answer(fault.status, fault.headers, json.dumps({"errors": [{"code": fault.code, "message": "so"}]}).encode())
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        if fault:  # it did the work, and nobody hears of it
            self.close_connection = True
            return
        self._answer(answer.status, dict(answer.headers), content)

    def _answer(self, status: int, headers: Dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, *_: Any) -> None:
        pass
