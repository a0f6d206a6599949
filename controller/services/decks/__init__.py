"""Rate decks: read from tables, staged beside the live rates, compared, activated, rolled back.

A deck that has one wrong row changes nothing. Rows stream: from the file through the checks into
the store, where they are compared and merged as sets.

    reading      a table's lines to checked rows, every wrong row by its number
    layout       what a file is and what its columns mean; a mapping file says it in YAML
    ports        what the use cases need from the store, and the values that go in and out
    importing    import, comparison and export in one step
    staging      stage, look at, activate, discard, roll back
    margin       what a staged deck would earn or cost on past traffic
"""

from controller.services.decks.importing import (
    DeckOutcome,
    compare_deck,
    export_deck,
    import_deck,
    write_deck,
)
from controller.services.decks.ports import (
    EXAMPLES,
    DeckDifference,
    DeckWork,
    GroupTerms,
    NumberedRow,
    Overlap,
    RateChange,
)
from controller.services.decks.reading import MAX_ROWS, Report, read_deck

__all__ = [
    "EXAMPLES",
    "MAX_ROWS",
    "DeckDifference",
    "DeckOutcome",
    "DeckWork",
    "GroupTerms",
    "NumberedRow",
    "Overlap",
    "RateChange",
    "Report",
    "compare_deck",
    "export_deck",
    "import_deck",
    "read_deck",
    "write_deck",
]
