"""The error tree. A refusal is a value (`reasons.Refused`); these are for broken things.

TollgateError                 stable `error_id`, one-line message
├── InvalidInput              the caller of a command, file or form said something wrong
│   ├── InvalidTariff         the text form of a rate's tiers
│   ├── InvalidNumber         a telephone number, prefix or rewrite rule
│   ├── InvalidConfiguration  a declarative configuration, with the line
│   └── InvalidFields         a form or a request's body, with a message for each field
├── NotFound                  there is no such object, or none that the asking one may know of
├── NotAllowed                a right is missing
├── Conflict                  the object cannot be changed so, as things are: children, calls, uses
│   └── Stale                 somebody else changed it meanwhile
├── TooManyTries              somebody guesses at a secret; `wait_s` says how long to wait
├── UnsafeText                text that must not reach a switch command
├── SwitchError
│   ├── SwitchUnavailable     no connection, or the connection was lost
│   ├── SwitchTimeout         a command was not answered in time
│   └── ProtocolError         the peer does not speak the protocol
├── StoreUnavailable          the database cannot be reached; nothing is known to be lost
│   └── StoreTooSlow          it is there, but did not answer in time
├── Fenced                    the switch has another owner by now; nothing was written
└── Overloaded                a bounded queue is full
"""

from collections.abc import Mapping


class TollgateError(Exception):
    """Root of every error raised on purpose."""

    error_id = "error"


class InvalidInput(TollgateError, ValueError):
    error_id = "invalid_input"


class InvalidTariff(InvalidInput):
    error_id = "invalid_tariff"


class InvalidNumber(InvalidInput):
    error_id = "invalid_number"


class InvalidConfiguration(InvalidInput):
    """`line` is 1-based in the document where it is known, else 0."""

    error_id = "invalid_configuration"

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


class InvalidFields(InvalidInput):
    """`errors` has a sentence for each field that is wrong; "" is the object as a whole."""

    error_id = "invalid_fields"

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(
            "; ".join(f"{name}: {why}" if name else why for name, why in errors.items())
        )
        self.errors = dict(errors)


class NotFound(TollgateError):
    error_id = "not_found"


class NotAllowed(TollgateError):
    """`right` is the one that is missing, where it is one of the eight (`domain.rights`)."""

    error_id = "not_allowed"

    def __init__(self, message: str, right: str = "") -> None:
        super().__init__(message)
        self.right = right


class Conflict(TollgateError):
    error_id = "conflict"


class Stale(Conflict):
    error_id = "stale"


class TooManyTries(TollgateError):
    error_id = "too_many_tries"

    def __init__(self, message: str, wait_s: int) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class UnsafeText(TollgateError):
    error_id = "unsafe_text"


class SwitchError(TollgateError):
    error_id = "switch_error"


class SwitchUnavailable(SwitchError):
    error_id = "switch_unavailable"


class SwitchTimeout(SwitchError):
    error_id = "switch_timeout"


class ProtocolError(SwitchError):
    error_id = "protocol_error"


class StoreUnavailable(TollgateError):
    error_id = "store_unavailable"


class StoreTooSlow(StoreUnavailable):
    error_id = "store_too_slow"


class Fenced(TollgateError):
    error_id = "fenced"


class Overloaded(TollgateError):
    error_id = "overloaded"
