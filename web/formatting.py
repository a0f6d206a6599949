"""How values read on a page: exact money, times in the visitor's zone, and text from strangers."""

import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from babel.dates import format_date
from flask import Flask
from markupsafe import Markup

from controller.domain.cdr import EndedBy
from controller.domain.reasons import REFUSALS, SIGNALS, Reason, reason_from_id
from web import i18n
from web.fields import position_text
from web.i18n import gettext, lazy_gettext

MINUS = "\u2212"
NOTHING = "\u2013"
MAX_SHOWN = 48

_ENDED_BY = {
    EndedBy.CALLER: lazy_gettext("the caller"),
    EndedBy.CALLEE: lazy_gettext("the called side"),
    EndedBy.SERVER: lazy_gettext("the platform"),
}
_KINDS = {
    "ordinary": lazy_gettext("Customer"),
    "phone_card": lazy_gettext("Phone card"),
    "clearing": lazy_gettext("Vendor (clearing)"),
    "system": lazy_gettext("Platform"),
}
_AMBER = frozenset({Reason.BUSY, Reason.NO_ANSWER, Reason.CANCELED, Reason.REJECTED})


def register(app: Flask) -> None:
    for filter_ in (
        money,
        rounded,
        count,
        moment,
        clock_time,
        duration,
        time_of_day,
        seconds,
        percent,
        visible,
        reason_label,
        reason_text,
        reason_tone,
        account_kind,
        ended_by,
        moment_input,
        local_time,
        lower_first,
        month_name,
    ):
        app.add_template_filter(filter_, filter_.__name__)
    app.jinja_env.globals["position_text"] = position_text
    app.jinja_env.globals["NOTHING"] = NOTHING
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def money(amount: Decimal | None, currency: str = "", *, signed: bool = False) -> str:
    """Every digit that is there; two, four, ... after the point, so that columns align."""
    if amount is None:
        return NOTHING
    whole, _, fraction = f"{abs(amount):f}".partition(".")
    fraction = fraction.rstrip("0")
    fraction = fraction.ljust(max(2, len(fraction) + len(fraction) % 2), "0")
    sign = MINUS if amount < 0 else "+" if signed and amount > 0 else ""
    text = f"{sign}{_grouped(int(whole))}{i18n.number_signs().decimal}{fraction}"
    return f"{text}\u00a0{currency}" if currency else text


def rounded(amount: Decimal, currency: str = "") -> Markup:
    """An amount at two decimals where a glance is enough; every digit is in the tooltip."""
    cents = amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    exact, short = money(amount, currency), money(cents, currency)
    return Markup('<span title="{}">{}</span>').format(exact, short)


def count(number: int) -> str:
    return _grouped(number)


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", i18n.number_signs().group)


def _with_decimals(number: Decimal, decimals: int) -> str:
    return f"{number:.{decimals}f}".replace(".", i18n.number_signs().decimal)


def moment(when: datetime | None, *, date: bool = True) -> Markup | str:
    """A time in the visitor's zone; a script adds that of the browser as a tooltip."""
    if when is None:
        return NOTHING
    local = when.astimezone(i18n.time_zone())
    shown = f"{local:%Y-%m-%d %H:%M:%S}" if date else f"{local:%H:%M:%S}"
    machine = when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}">{}</time>').format(machine, shown)


def local_time(when: datetime) -> datetime:
    return when.astimezone(i18n.time_zone())


def month_name(day: date) -> str:
    """As November 2026."""
    return str(format_date(day, "LLLL y", locale=i18n.language()))


def lower_first(text: str) -> str:
    """A sentence as it stands behind a colon."""
    return text[:1].lower() + text[1:]


def clock_time(when: datetime) -> str:
    return f"{when.astimezone(i18n.time_zone()):%H:%M}"


def moment_input(when: datetime | None) -> str:
    """As an input of date and time has it, in the visitor's zone (`Fields.moment` reads it)."""
    return "" if when is None else f"{when.astimezone(i18n.time_zone()):%Y-%m-%dT%H:%M:%S}"


def duration(span: int | timedelta) -> str:
    """Whole seconds as 1:03 or 2:05:09."""
    total = max(0, int(span.total_seconds() if isinstance(span, timedelta) else span))
    minutes, rest = divmod(total, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def time_of_day(second: int) -> str:
    """A second of the local day as 18:00; its end is 24:00."""
    minutes, rest = divmod(second, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{rest:02}" if rest else text


def seconds(milliseconds: int | Decimal | None) -> str:
    """Milliseconds as seconds with two decimals."""
    if milliseconds is None:
        return NOTHING
    return f"{_with_decimals(Decimal(milliseconds) / 1000, 2)}\u00a0s"


def percent(share: Decimal | None) -> str:
    return NOTHING if share is None else f"{_with_decimals(share, 1)}\u00a0%"


def visible(text: str, longest: int = MAX_SHOWN) -> Markup | str:
    """Text from outside, so that all of it can be seen: control and direction-changing characters
    as escapes, at most `longest` characters, the whole in the tooltip."""
    if not text:
        return NOTHING
    shown = "".join(_shown(c) for c in text[: 4 * longest])
    if len(shown) <= longest:
        return Markup("<bdi>{}</bdi>").format(shown)
    return Markup('<bdi title="{}">{}\u2026</bdi>').format(shown, shown[: longest - 1])


def _shown(character: str) -> str:
    if unicodedata.category(character)[0] in "CZ" and character != " ":
        return character.encode("unicode_escape").decode() if character != "\xa0" else "\\xa0"
    return character


def reason_label(reason: str) -> str:
    return gettext(english_label(reason).replace("%", "%%"))


def english_label(reason: str) -> str:
    return reason.replace("_", " ").capitalize()


def reason_text(reason: str) -> str:
    known = reason_from_id(reason)
    return gettext(SIGNALS[known].text.capitalize()) if known else reason_label(reason)


def reason_tone(reason: str) -> str:
    """The badge's class; the words say the same, color is never alone."""
    known = reason_from_id(reason)
    if known is Reason.ANSWERED:
        return "good"
    if known in _AMBER:
        return "fair"
    return "refused" if known in REFUSALS else "bad"


def account_kind(kind: str) -> str:
    return str(_KINDS.get(kind, kind))


def ended_by(who: str) -> str:
    return str(_ENDED_BY.get(EndedBy(who), who)) if who in set(EndedBy) else who
