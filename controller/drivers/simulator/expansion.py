"""`${variable}` in the arguments of applications."""

import re
from typing import Final

from controller.drivers.simulator.channel import Channel

_REFERENCE: Final = re.compile(r"\\\$|\$\{([^{}]*)\}")
_DENIED: Final = "<API execute Permission Denied>"


def run_api_on(channel: Channel, variable: str) -> None:
    """Run the api command that a variable such as `api_on_answer` names; nobody sees its reply."""
    text = channel.get(variable)
    if text:
        channel.core.run_api(expand(channel, text))


def expand(channel: Channel, text: str) -> str:
    """The text with its references replaced; an unset variable becomes nothing.

    `${name(argument)}` would call an api command: a switch with api expansion off, as the
    project's is, writes the denial in its place.
    """
    if "$" not in text:
        return text
    return _REFERENCE.sub(lambda match: _value(channel, match), text)


def _value(channel: Channel, match: re.Match[str]) -> str:
    name = match[1]
    if name is None:
        return "$"
    if "(" in name:
        return _DENIED
    return channel.get(name) or ""
