"""Keeps the catalogues: `python -m web.catalogues` puts in what the code says by now.

`messages` are the texts of templates and of Python code of `web`, and those of the domain's tables
that pages show. `services` are sentences of the services (web/service_texts.py). Translations that
are there stay; a text that is gone goes. A test fails where a catalogue is not as the code is.
"""

import ast
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from controller.domain.rates import RateType
from controller.domain.reasons import SIGNALS, Reason
from controller.services.actors import Source
from controller.services.payments.service import BY_WHO_IS_ABOVE
from controller.services.records.locks import FROM_ABOVE, HELD_FROM_ABOVE
from web.formatting import english_label
from web.i18n import DOMAIN, ENGLISH, FOLDER, languages
from web.service_texts import DOMAIN as SERVICES
from web.service_texts import placed

WEB = Path(__file__).parent
CONTROLLER = WEB.parent / "controller"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
MIN_LETTERS = 3
"""Of the only word between values: less would fit everything."""
KEYWORDS = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "marked": None,
    "ngettext": (1, 2),
}
SAYS = frozenset(
    {
        "Conflict",
        "InvalidFields",
        "InvalidInput",
        "InvalidNumber",
        "NotAllowed",
        "NotFound",
        "NotPaid",
        "Stale",
        "TooManyTries",
        "add",
        "UnfitPassword",
    }
)
"""Calls whose texts people read: errors, and `problems.add`."""
SPEAKERS = (
    "domain/cards.py",
    "domain/number_sections.py",
    "domain/destinations.py",
    "domain/moments.py",
    "domain/movements.py",
    "domain/numbering.py",
    "domain/sip_credentials.py",
    "services/accounts",
    "services/cards",
    "services/gateways",
    "services/payments",
    "services/phones",
    "services/records",
    "services/users",
    "services/movements",
    "services/config_as_code/checks",
    "services/config_as_code/addresses.py",
    "services/config_as_code/contact.py",
    "services/config_as_code/fields.py",
    "services/config_as_code/sections/accounts.py",
    "services/config_as_code/sections/gateways.py",
    "services/config_as_code/sections/reader.py",
    "services/config_as_code/values.py",
    "persistence/movement_store.py",
    "persistence/account_store.py",
)


WHOLE = (
    "services/explain_attempts.py",
    "services/explain_parties.py",
    "services/explain_prices.py",
    "services/explain_rate.py",
    "services/explain_words.py",
    "services/price_words.py",
)
"""Modules that are all words."""
WORDS = (
    *("account", "phone", "user", "mapping gateway", "routing gateway", "rate group", "payment"),
    *("create", "change", "move", "delete", "close", "reopen", "approve", "pay", "read", "revoke"),
    *("end sessions", "change profile", "low balance", "reset", "transfer", "withdrawal", "credit"),
    *map(str, Source),
    *(kind.name.lower() for kind in RateType),
    *("customer", "vendor", "agent"),
    *("identify", "number", "rate", "route", "destination", "admit", "admission", "parties"),
    *("found", "open", "kept", "dropped", "stopped", "permitted", "admitted", "refused: %(v1)s"),
    *("card", "card batch", "recharge by card", "wrong card", "use", "void", "expire", "unlock"),
    *("lock", "create cards", "read cards", "card_stock", "card_return"),
    "an agent above",
    *(FROM_ABOVE, HELD_FROM_ABOVE, "make zero", *BY_WHO_IS_ABOVE.values()),
    "there is no such card",
    "%(v1)s candidates are enough",
    "%(v1)s: no cost rate for %(v2)s",
    "%(v1)s: the rewrite gives no number",
    "mapping gateway %(v1)s by %(v2)s",
)
"""Single words of the domain that pages show: what the audit log, traces and rates call things."""


def messages() -> Catalog:
    """Of the pages."""
    found = Catalog(domain=DOMAIN)
    extracted = extract_from_dir(
        WEB, METHODS, OPTIONS, KEYWORDS, comment_tags=(), directory_filter=_is_ours
    )
    for name, _line, message, _comments, _context in extracted:
        found.add(message, locations=[(name, 0)])
    for text in domain_texts():
        found.add(text, locations=[("domain", 0)])
    return found


def domain_texts() -> Iterator[str]:
    """Texts of the domain's tables that pages show as they are."""
    for reason in Reason:
        yield english_label(reason)
    for signal in SIGNALS.values():
        yield signal.text.capitalize()


def sentences() -> Catalog:
    """Of the services."""
    found = Catalog(domain=SERVICES)
    for path in _speakers():
        _add_all(found, path, _said(ast.parse(path.read_text("utf-8"))))
    for word in WORDS:
        found.add(word, locations=[("words", 0)])
    for name in WHOLE:
        path = CONTROLLER / name
        _add_all(found, path, _all_texts(ast.parse(path.read_text("utf-8"))))
    return found


def _add_all(catalog: Catalog, path: Path, texts: Iterable[str]) -> None:
    for text in texts:
        catalog.add(text, locations=[(path.relative_to(CONTROLLER.parent).as_posix(), 0)])


def update() -> None:
    for language in languages():
        if language == ENGLISH:
            continue
        for template in (messages(), sentences()):
            path = FOLDER / language / "LC_MESSAGES" / f"{template.domain}.po"
            path.write_bytes(updated(template, language, path))


def updated(template: Catalog, language: str, path: Path) -> bytes:
    """The catalogue's file as it should be; nothing in it changes by itself with time."""
    known = read_po(io.BytesIO(path.read_bytes()), locale=language) if path.is_file() else None
    made = Catalog(locale=language, domain=template.domain, fuzzy=False)
    made._messages.clear()
    for message in template:
        if not message.id:
            continue
        before = known.get(message.id) if known is not None else None
        made.add(
            message.id,
            before.string if before is not None else None,
            locations=[(name, 0) for name, _line in sorted(set(message.locations))],
        )
    written = io.BytesIO()
    write_po(written, made, omit_header=True, sort_output=True, include_lineno=False, width=100)
    header = _HEADER.format(language=language, plural=made.plural_forms)
    return header.encode() + written.getvalue().strip() + b"\n"


_HEADER = """# Kept by `python -m web.catalogues`: edit the msgstr lines only.
msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: {plural}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def _is_ours(path: str) -> bool:
    return Path(path).name not in ("static", "translations", "__pycache__")


def _speakers() -> Iterator[Path]:
    for name in SPEAKERS:
        path = CONTROLLER / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _said(tree: ast.AST) -> Iterator[str]:
    """Texts in calls of `SAYS`, and those that a function returns or names for them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in SAYS:
            yield from _texts([*node.args, *(k.value for k in node.keywords)])
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.JoinedStr | ast.Constant):
            yield from _texts([node.value])
        elif isinstance(node, ast.Dict):
            yield from _texts(value for value in node.values if isinstance(value, ast.JoinedStr))


def _all_texts(tree: ast.Module) -> Iterator[str]:
    """Every text but docstrings, and those that are parts of an f-string."""
    parts = {part for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for part in n.values}
    docs = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.Constant) and node not in parts | docs:
            yield from _texts([node])


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _texts(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Dict):
            yield from _texts(node.values)
        elif isinstance(node, ast.IfExp):
            yield from _texts([node.body, node.orelse])
        elif (text := _text(node)) and _is_sentence(text):
            yield text


def _text(node: ast.expr) -> str:
    """A text or an f-string, with numbered places for its values."""
    if isinstance(node, ast.Constant):
        return placed([node.value]) if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else None for part in node.values)
        return placed(parts)
    return ""


def _is_sentence(text: str) -> bool:
    words = [word for word in text.split() if word.isalpha()]
    return len(words) >= 2 or (len(words) == 1 and "%(" in text and len(words[0]) >= MIN_LETTERS)


if __name__ == "__main__":
    update()
