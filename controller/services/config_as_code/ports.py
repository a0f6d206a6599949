"""What configuration as code needs from the outside."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TextIO

from controller.services.audit import AuditLine
from controller.services.config_as_code.differences import Difference
from controller.services.config_as_code.model import Opening, Section, State, StoredPosting
from controller.services.decks import DeckWork


class DeckFiles(Protocol):
    """Decks that a configuration file names, relative to itself."""

    def open(self, name: str) -> AbstractContextManager[TextIO]:
        """Raises InvalidInput where there is no such file or it may not be read."""


class ConfigurationWork(DeckWork, Protocol):
    """One transaction on the configuration; nothing stays unless `commit` is called."""

    def state(self) -> State:
        """Everything but rates and money, system accounts left out."""

    def in_use(self, section: Section) -> frozenset[str]:
        """Accounts, mapping or routing gateways that calls in progress use."""

    def histories(self, section: Section, names: Sequence[str]) -> Mapping[str, str]:
        """Those of the named phones, packages or orders that have a history: in words, which."""

    def with_postings(self, accounts: Sequence[str]) -> frozenset[str]:
        """Those of the named accounts whose ledger has a posting."""

    def postings(self, ids: Sequence[str]) -> dict[str, StoredPosting]:
        """What the ledger has under these ids."""

    def openings(self) -> list[Opening]:
        """Every opening posting, for an export."""

    def rates_count(self, group: str) -> int: ...

    def write(self, difference: Difference) -> int:
        """Carry out a difference, decks as staged; the new configuration version."""

    def account_ids(self, names: Sequence[str]) -> Mapping[str, int]:
        """Of the accounts that there are."""

    def accounts_of_phones(self, numbers: Sequence[str]) -> Mapping[str, str]:
        """The accounts' names, of the phones that there are."""

    def audit(self, lines: Iterable[AuditLine]) -> None: ...


class ConfigurationStore(Protocol):
    """Where the configuration is kept."""

    def begin(self) -> AbstractContextManager[ConfigurationWork]:
        """A transaction that no other change of the configuration overlaps.

        Raises StoreUnavailable, also where another change takes too long.
        """
