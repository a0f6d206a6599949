"""Configuration files for tests: a small sound one, deck files in memory, problems as text."""

import io
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from controller.domain.errors import InvalidInput
from controller.services.config_as_code.sections import Reading, read_configuration

SOUND = """\
rate_groups:
  - name: sell
    currency: USD
    rates:
      - {prefix: 39, tiers: "0|0:0.05/60/60"}
  - {name: cost, currency: USD, rates: [{prefix: "*", tiers: "0|0:0.02/60/1"}]}
accounts:
  - name: acme
    currency: USD
    rate_group: sell
    opening_postings:
      - {key: acme-opening, amount: 100.50, memo: first}
  - {name: vendor, kind: clearing, currency: USD, rate_group: cost}
mapping_gateways:
  - {name: acme-trunk, account: acme, addresses: [192.0.2.1]}
routing_gateways:
  - {name: vendor-trunk, clearing_account: vendor, host: 192.0.2.9}
routes:
  - {gateway: vendor-trunk, prefixes: [39, 44]}
"""

RATED = (
    SOUND
    + """\
calendars:
  - name: italy
    days:
      - {day: 2026-12-25, kind: special, memo: Christmas}
phones:
  - {number: 390210001, account: acme, monthly_rent: 2.50}
packages:
  - name: europe-500
    currency: USD
    period: month
    rent: 9.99
    free_seconds:
      - {prefixes: [39, 44], seconds: 30000}
    period_rates:
      - {days: [sat, sun], multiplier: 0.5}
package_orders:
  - {key: acme-europe, package: europe-500, account: acme, available_from: 2026-01-01}
"""
)
"""The same, with something of every section; SOUND's lines stay where they were."""


@dataclass(frozen=True, slots=True)
class MemoryDecks:
    """Implements `DeckFiles` on a dictionary."""

    texts: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def open(self, name: str) -> Iterator[TextIO]:
        if name not in self.texts:
            raise InvalidInput("No such file or directory")
        yield io.StringIO(self.texts[name], newline="")


def read(text: str, decks: Mapping[str, str] | None = None) -> Reading:
    return read_configuration(textwrap.dedent(text), MemoryDecks(decks or {}))


def problems(text: str, decks: Mapping[str, str] | None = None) -> list[str]:
    return [str(problem) for problem in read(text, decks).problems]
