"""HTTP before the deployed functions, in place of API Gateway, which the emulator does not play for this template."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.exceptions import ClientError
from predictions import ROOT, ask, event
from scene import Scene

FAILED = b'{"message": "Internal server error"}'


class Gateway:
    """Takes a request to the function that infra/routes.json names for its path; stopped at the end of a `with`.

    A function that fails, or may not be run, is answered with 502 or 500, as API Gateway answers.
    """

    def __init__(self, scene: Scene, alias: str = ":live"):
        functions = {"predict": "PredictFunctionName", "admin": "AdminFunctionName"}
        routes = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z"), scene.outputs[functions[name]] + alias)
            for name, paths in json.loads((ROOT / "infra/routes.json").read_text()).items()
            for path in paths
        ]

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_) -> None:
                pass

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                function = next((name for path, name in routes if path.match(self.path)), None)
                if function is None:
                    self.reply(404, {}, b'{"title": "Not Found", "status": 404}')
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                try:
                    said = ask(scene.emulator, function, event("v1", self.command, self.path, headers, body))
                except AssertionError:
                    self.reply(502, {}, FAILED)
                except ClientError:
                    self.reply(500, {}, FAILED)
                else:
                    self.reply(said.status, said.headers, said.body)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that are looked for

            def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name not in ("content-length", "content-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def __enter__(self) -> "Gateway":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()
