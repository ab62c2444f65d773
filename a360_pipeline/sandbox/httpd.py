"""The HTTP server under the stand-in: threads, and connections that stay open for the next call."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import IO, Any, cast

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wsgi import LimitedStream

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
IDLE_SECONDS = 60
BACKLOG = 512
WITHOUT_BODY = (204, 304)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class KeepAliveHandler(MotoRequestHandler):
    """Keeps connections open: SDKs send hundreds of requests, and werkzeug's handler closes after each."""

    protocol_version = "HTTP/1.1"
    # Head and body of an answer are two writes; Nagle's algorithm would hold the second back for 40 ms.
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def run_wsgi(self) -> None:
        """Answers one request and leaves the connection at the start of the next."""
        environ = self.make_environ()
        unread: LimitedStream | None = None
        if environ.get("wsgi.input_terminated"):
            # Where a chunked body was left unread is not known, so the connection cannot go on.
            self.close_connection = True
        else:
            unread = LimitedStream(cast(IO[bytes], self.rfile), int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = unread
        said: list[Any] = []

        def start_response(*status_and_headers: Any) -> Callable[[bytes], object]:
            said[:] = status_and_headers
            return self.wfile.write

        chunks = self.server.app(environ, start_response)
        try:
            self._write(said[0], said[1], chunks)
        except ConnectionAbortedError:
            # The application cuts the line: what is missing of the answer never comes.
            self.close_connection = True
            return
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        if unread is not None:
            try:
                unread.exhaust()
            except ClientDisconnected:
                self.close_connection = True

    def _write(self, status: str, headers: list[tuple[str, str]], chunks: Iterable[bytes]) -> None:
        code, _, phrase = status.partition(" ")
        silent = self.command == "HEAD" or int(code) in WITHOUT_BODY
        if not silent and not any(name.lower() == "content-length" for name, _ in headers):
            chunks = [b"".join(chunks)]
            headers = [*headers, ("Content-Length", str(len(chunks[0])))]
        self.send_response_only(int(code), phrase)
        for name, value in headers:
            # This server alone decides whether the connection stays open.
            if name.lower() != "connection":
                self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not silent:
            for chunk in chunks:
                self.wfile.write(chunk)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: ARG002 - werkzeug's signature
        log.debug(message, *args)


class Server:
    """A server of one application in a thread of its own. Raises OSError where the port is taken."""

    def __init__(self, application: Application, port: int) -> None:
        listening = socket.create_server((HOST, port), backlog=BACKLOG)
        with listening:
            self._server: BaseWSGIServer = make_server(
                HOST,
                port,
                application,
                threaded=True,
                request_handler=KeepAliveHandler,
                fd=listening.fileno(),
            )
        self.port: int = self._server.port
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="aws-stand-in",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """Stops listening; what is being answered is answered."""
        self._server.shutdown()
        self._thread.join()
