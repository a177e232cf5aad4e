"""A proxy before the emulator that answers some requests itself, and passes the others on."""

import http.client
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code>'
    b"<Message>the proxy refuses this</Message></Error>"
)
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


class LyingProxy:
    """Refuses the requests whose `METHOD /path` fits the pattern, as S3 refuses a role; stopped at the end of a `with`.

    A function is sent through it by `emulator.set_variables(name, AWS_ENDPOINT_URL_S3=proxy.endpoint)`.
    """

    def __init__(self, port: int, refused: str):
        proxy = self
        self.refused = re.compile(refused)
        self.lies: list[str] = []
        """The requests that it refused."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_) -> None:
                pass

            def answer(self) -> None:
                body = self.body()
                request = f"{self.command} {self.path}"
                if proxy.refused.search(request):
                    proxy.lies.append(request)
                    self.reply(403, {"content-type": "application/xml"}, DENIED)
                    return
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                kept = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                upstream.request(self.command, self.path, body, kept)
                answer = upstream.getresponse()
                self.reply(answer.status, dict(answer.getheaders()), answer.read())
                upstream.close()

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 - the names that are looked for

            def body(self) -> bytes:
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                chunks = []
                while size := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                del self.headers["Transfer-Encoding"]
                return b"".join(chunks)

            def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    # The length of an answer to HEAD is that of the object.
                    if name.lower() not in HOP_BY_HOP and (self.command == "HEAD" or name.lower() != "content-length"):
                        self.send_header(name, value)
                if self.command != "HEAD":
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "LyingProxy":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()
