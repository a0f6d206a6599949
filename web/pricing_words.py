"""Filters of the pages of rates, explanations and coverage."""

from collections.abc import Iterable
from decimal import Decimal

from flask import Flask

from controller.domain.coverage_walk import GapKind
from controller.domain.money import plain
from controller.domain.sections import SectionMode
from controller.domain.tariff import Tariff, Terms
from controller.services.coverage import CoverageReport
from controller.services.explain_parties import Party
from controller.services.explain_prices import MatchedRow
from controller.services.price_words import rounding_words, tariff_words
from controller.services.views.rates import RateGroupRow
from web.i18n import gettext
from web.i18n import lazy_gettext as _
from web.service_texts import service_text

MOST_OWNERS = 12

_GAPS = {
    GapKind.UNSOLD: (_("No sell rate"), _("routed, and calls are refused")),
    GapKind.UNROUTED: (_("No route"), _("sold, and calls are refused")),
    GapKind.UNCOSTED: (
        _("No cost rate"),
        _("routed, and the vendor is skipped"),
    ),
    GapKind.CHAIN: (
        _("Agent has no rate"),
        _("its customers' calls are refused"),
    ),
    GapKind.LOSS: (
        _("Below cost"),
        _("a call of 60 s earns less than it costs"),
    ),
}
_SECTIONS = {
    SectionMode.INCREMENT: _("each row lasts its seconds, started rows count whole"),
    SectionMode.CUMULATIVE_STEP: _("the price of the first row that is long enough"),
    SectionMode.CUMULATIVE_REGULAR: _("rows that are reached, the rest at the regular rate"),
}


def register(app: Flask) -> None:
    for filter_ in (
        rounding_text,
        section_text,
        plain_number,
        tariff_phrases,
        sentence,
        passed_over_rates,
        gap_label,
        gap_note,
        biggest_owners,
        has_unlisted,
    ):
        app.add_template_filter(filter_, filter_.__name__)


def rounding_text(group: RateGroupRow) -> str:
    if group.decimals is None:
        return gettext("as the platform does")
    words = rounding_words(Terms(group.currency, group.decimals, group.rounding))
    return service_text(words.removeprefix("rounded to "))


def section_text(mode: SectionMode) -> str:
    return str(_SECTIONS[mode])


def plain_number(number: Decimal) -> str:
    return plain(number)


def tariff_phrases(tariff: Tariff) -> tuple[str, ...]:
    return tariff_words(tariff)


def sentence(text: str) -> str:
    """A phrase as it stands alone."""
    return text[:1].upper() + text[1:]


def passed_over_rates(party: Party) -> list[MatchedRow]:
    """Rates that match and are not the price, each once."""
    rows = (row for candidate in party.candidates for row in candidate.rows if not row.is_match)
    return list(dict.fromkeys(rows))


def gap_label(kind: GapKind) -> str:
    return str(_GAPS[kind][0])


def gap_note(kind: GapKind) -> str:
    return str(_GAPS[kind][1])


def biggest_owners(
    report: CoverageReport, kinds: Iterable[str]
) -> list[tuple[GapKind, str, int, float]]:
    """Where most are missing: kind, owner, how many, and that in percent of the most."""
    counted = [
        (GapKind(kind), owner, count)
        for kind in kinds
        for owner, count in report.gaps[GapKind(kind)].by_owner.items()
    ]
    counted.sort(key=lambda found: -found[2])
    most = counted[0][2] if counted else 1
    return [(*found, 100 * found[2] / most) for found in counted[:MOST_OWNERS]]


def has_unlisted(report: CoverageReport) -> bool:
    return any(gaps.count > len(gaps.listed) for gaps in report.gaps.values())
