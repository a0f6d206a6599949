"""The inline dialplan: a whole plan in the destination of one uuid_transfer. No I/O.

`app:argument,app:argument` or, with a delimiter of one's own, `m:X:app:argumentXapp:argument`.
"""

from typing import Final

from controller.drivers.simulator.arguments import separate

MAX_APPLICATIONS: Final = 128

Application = tuple[str, str]


def parse_inline(text: str) -> list[Application]:
    """Names and arguments of the applications, in order of execution."""
    delimiter = ","
    if len(text) >= 4 and text.startswith("m:") and text[3] == ":":
        delimiter, text = text[2], text[4:]
    return [_application(word) for word in separate(text, delimiter, MAX_APPLICATIONS)]


def _application(word: str) -> Application:
    name, _, argument = word.partition(":")
    return name.lstrip(" "), argument
