"""Serving by waitress: pure Python, threads, no system package."""

import signal
import sys
import threading
from typing import Any

from flask import Flask
from waitress.server import create_server

THREADS = 8
MAX_BODY = 5 * 1024 * 1024 + 64 * 1024
"""The largest that any form or operation takes, and what is around it; each has its own limit."""


def make_server(app: Flask, host: str, port: int, threads: int = THREADS) -> Any:
    """A listening server; `.run()` serves. Port 0 takes a free one (`.effective_port`).

    Proxy headers are left to the application, which knows how many proxies to trust
    (`WebConfig.trusted_proxies`).
    """
    return create_server(
        app,
        host=host,
        port=port,
        threads=threads,
        ident="",
        clear_untrusted_proxy_headers=False,
        max_request_header_size=32 * 1024,
        max_request_body_size=MAX_BODY,
        channel_timeout=60,
        connection_limit=500,
        # an export is read as fast as the browser takes it, not faster
        outbuf_high_watermark=1024 * 1024,
    )


def serve(app: Flask, host: str, port: int, threads: int = THREADS) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # waitress ends its loop on this
    server = make_server(app, host, port, threads)
    try:
        server.run()
    finally:
        server.close()
