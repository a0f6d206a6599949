"""The web application: parse, call one service, render. It knows no SQL and no switch."""

from web.app import create_app
from web.config import WebConfig

__all__ = ["WebConfig", "create_app"]
