"""Free text that people write (titles, memos, areas): what may stand in it. Pure.

It is shown in terminals, pages and exports, so it holds nothing that moves a cursor, ends a
line where nobody sees it, or turns the direction of what follows.
"""

import unicodedata

_FORBIDDEN = frozenset({"Cc", "Cs", "Cn", "Co", "Zl", "Zp"})
"""Controls, surrogates, unassigned, private use, and Unicode's line and paragraph separators."""

_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Direction overrides and the byte-order mark: invisible, and able to disguise what they touch."""


def is_plain_text(text: str, *, lines: bool = False) -> bool:
    """True for text of one line, or with `lines` of several."""
    if text.isascii() and text.isprintable():
        return True
    allowed = "\n" if lines else ""
    return all(c in allowed or _is_plain(c) for c in text)


def _is_plain(character: str) -> bool:
    return unicodedata.category(character) not in _FORBIDDEN and character not in _TURNING
