"""The application behind waitress, over a real socket."""

import os
import signal
import subprocess
import sys
import threading
import urllib.request

from flask import Flask

from web.access import access_of
from web.api.resources import OPERATIONS
from web.server import make_server

SERVE_UNTIL_TOLD = """
import sys
from flask import Flask
from web import server
made = server.make_server
def told(*arguments):
    ready = made(*arguments)
    print(ready.effective_port, flush=True)
    return ready
server.make_server = told
server.serve(Flask("empty"), "127.0.0.1", 0)
"""


def test_waitress_serves_the_application(app: Flask) -> None:
    server = make_server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.effective_port}"
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:  # noqa: S310
            assert answer.read() == b"ok\n"
            assert answer.headers["Server"] is None
        with urllib.request.urlopen(f"{url}/sign-in", timeout=10) as answer:  # noqa: S310
            assert "Sign in" in answer.read().decode()
    finally:
        # closed by its own thread, which would otherwise wait on a closed socket
        server.trigger.pull_trigger(lambda: server.asyncore.close_all(server._map))
        thread.join(10)
    assert not thread.is_alive()


def test_it_lets_through_what_forms_and_operations_take(app: Flask) -> None:
    """What is beyond the server's own limit would be refused in other words than ours."""
    server = make_server(app, "127.0.0.1", 0)
    try:
        pages = (access_of(app, endpoint) for endpoint in app.view_functions)
        most = [page.most_bytes for page in pages if page is not None and page.most_bytes]
        most += [operation.max_body for operation in OPERATIONS]
        assert max(most) > 1024 * 1024
        assert server.adj.max_request_body_size > max(most)
    finally:
        server.close()


def test_it_stops_when_told() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE_UNTIL_TOLD], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0
