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
