"""The sheet of a new batch for whoever prints the cards: its one and only list of PINs."""

import csv
import io

from controller.domain.moments import moment_text
from controller.domain.money import plain
from controller.services.cards.records import NewBatch

COLUMNS = ("serial", "pin", "password", "value", "currency", "expires")


def sheet(batch: NewBatch) -> str:
    """CSV, a card a line. Digits stand as text: programs that read numbers drop leading zeros."""
    row, target = batch.row, io.StringIO()
    lines = csv.writer(target, lineterminator="\r\n")
    lines.writerow(COLUMNS)
    worth = (plain(row.face_value), row.currency, moment_text(row.expires_at))
    lines.writerows((card.serial, card.pin, card.password, *worth) for card in batch.cards)
    return target.getvalue()
