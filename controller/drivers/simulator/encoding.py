"""Events and replies as bytes on the wire. No I/O.

JSON is what the driver asks for, so it is the quick path. The plain form URL-encodes values the
way the switch does, which is lossy: `%41` in a value is left as it is, and an empty value turns
into `_undef_`. Text may hold bytes that are not UTF-8 (as surrogate escapes); they go out as
they came in.
"""

import json
import re
from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

import orjson

HeaderValue = str | list[str]
Headers = Mapping[str, HeaderValue]

BODY: Final = "_body"
_UNSAFE: Final = re.compile(rb"%(?![0-9A-F]{2})|[\x00-\x20\x7f-\xff\"#&+:;<=>?@\[\\\]^`{|}]")
_AUTH_REQUEST: Final = b"Content-Type: auth/request\n\n"
_GOODBYE: Final = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"

AUTH_REQUEST: Final = _AUTH_REQUEST
_SHUTDOWN: Final = b"The system is being shut down.\n"
_NOTICE: Final = b"Content-Type: text/disconnect-notice\nContent-Length: %d\n\n%s"
DISCONNECT_NOTICE: Final = _NOTICE % (len(_GOODBYE), _GOODBYE)
SHUTDOWN_NOTICE: Final = _NOTICE % (len(_SHUTDOWN), _SHUTDOWN)


def to_bytes(text: str) -> bytes:
    """UTF-8, with surrogate escapes turned back into the bytes they stand for."""
    return text.encode("utf-8", "surrogateescape")


def reply_frame(text: str, extra: str = "") -> bytes:
    """The answer to a command; `extra` are further header lines, each with its line feed."""
    return to_bytes(f"Content-Type: command/reply\nReply-Text: {text}\n{extra}\n")


def api_frame(body: str) -> bytes:
    """The answer to an api command."""
    data = to_bytes(body or "-ERR no reply\n")
    return b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(data), data)


def event_frame(form: str, headers: Headers) -> bytes:
    """One event in the form a connection has chosen."""
    data = _RENDERERS[form](headers)
    content_type = form.encode()
    return b"Content-Length: %d\nContent-Type: text/event-%s\n\n%s" % (
        len(data),
        content_type,
        data,
    )


def log_frame(text: str) -> bytes:
    """One line of the switch's log."""
    data = to_bytes(text)
    return (
        b"Content-Type: log/data\nContent-Length: %d\nLog-Level: 6\nText-Channel: 0\n"
        b"Log-File: simulator\nLog-Func: log\nLog-Line: 0\nUser-Data: \n\n%s" % (len(data), data)
    )


def render_json(headers: Headers) -> bytes:
    """The body of a text/event-json."""
    try:
        return orjson.dumps(headers)
    except TypeError:  # a surrogate: text that was not UTF-8
        return to_bytes(json.dumps(headers, ensure_ascii=False, separators=(",", ":")))


def render_plain(headers: Headers) -> bytes:
    """The body of a text/event-plain, or of uuid_dump."""
    lines = [
        b"%s: %s\n" % (to_bytes(name), url_encode(_joined(value)) or b"_undef_")
        for name, value in headers.items()
        if name not in (BODY, "Content-Length")
    ]
    body = headers.get(BODY)
    if isinstance(body, str) and body:
        data = to_bytes(body)
        lines.append(b"Content-Length: %d\n\n%s" % (len(data), data))
    else:
        lines.append(b"\n")
    return b"".join(lines)


def render_xml(headers: Headers) -> bytes:
    """The body of a text/event-xml."""
    items = (
        f"    <{name}>{escape(url_encode(_joined(value)).decode())}</{name}>\n"
        for name, value in headers.items()
        if name != BODY
    )
    return f"<event>\n  <headers>\n{''.join(items)}  </headers>\n</event>\n".encode()


_RENDERERS: Final = {"json": render_json, "plain": render_plain, "xml": render_xml}


def url_encode(text: str) -> bytes:
    """Percent-encode as the switch does: what already looks encoded stays."""
    return _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], to_bytes(text))


def _joined(value: HeaderValue) -> str:
    return value if isinstance(value, str) else "ARRAY::" + "|:".join(value)
