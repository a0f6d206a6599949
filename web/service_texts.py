"""Sentences of the services, in the visitor's language.

Services speak English, with values in their sentences. The catalogue `services.po` has each
sentence with places for the values; what is said is recognized by it. What is not recognized is
shown as it was said.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from flask import Flask

from web import i18n

DOMAIN = "services"
MAX_DEPTH = 3
MAX_SENTENCE = 400
"""Characters: longer ones are lists of names, which nobody has to translate."""
_PLACE = re.compile(r"%\((\w+)\)s")


def register(app: Flask) -> None:
    app.add_template_filter(service_text, "service_text")


def service_text(said: object) -> str:
    """The sentence in the visitor's language; texts of the pages' own are left as they are."""
    text = str(said)
    language = i18n.language()
    return text if language == i18n.ENGLISH else _translated(text, language, MAX_DEPTH)


@lru_cache(maxsize=4096)
def _translated(text: str, language: str, depth: int) -> str:
    """Of a sentence and of the phrases in its places."""
    if len(text) > MAX_SENTENCE:
        return text
    catalogue = i18n.catalogue(language, DOMAIN)
    exact = text.replace("%", "%%")
    if (known := catalogue.gettext(exact)) != exact:
        return known % ()
    if " " not in text:
        return text
    for pattern, message in _patterns(language):
        if found := pattern.fullmatch(text):
            values = found.groupdict()
            if depth:
                values = {n: _translated(v, language, depth - 1) for n, v in values.items()}
            return catalogue.gettext(message) % values
    return text


@lru_cache(maxsize=16)
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """The catalogue's sentences with places, those that say most themselves first."""
    placed = (m for m in i18n.message_ids(language, DOMAIN) if _PLACE.search(m))
    by_words = sorted(placed, key=lambda message: -len(_PLACE.sub("", message)))
    return [(_pattern(message), message) for message in by_words]


def placed(parts: Iterable[object]) -> str:
    """A message of texts and of values (None), which are numbered: `%(v1)s`."""
    message, count = "", 0
    for part in parts:
        if part is None:
            count += 1
            message += f"%(v{count})s"
        else:
            message += str(part).replace("%", "%%")
    return message


def _pattern(message: str) -> re.Pattern[str]:
    parts = _PLACE.split(message)
    text, names = parts[0::2], parts[1::2]
    expression = re.escape(text[0].replace("%%", "%"))
    for name, after in zip(names, text[1:], strict=True):
        expression += f"(?P<{name}>.*?)" + re.escape(after.replace("%%", "%"))
    return re.compile(expression, re.DOTALL)
