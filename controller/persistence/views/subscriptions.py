"""An account's packages in use, recurring charges, and its phones' current month."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from controller.persistence.package_rows import platform_zone
from controller.services.views.accounts import (
    FreeSecondsLeft,
    PackageInUse,
    PhoneMonth,
    RecurringCharge,
    Subscriptions,
)

MAX_PACKAGES = 20
MAX_RECURRING = 10
MAX_PHONES = 20

_PACKAGES = """
SELECT a.id, p.name, coalesce(n.number, '') AS phone, p.currency, a.period_start, a.period_end,
    a.rent_paid, greatest(p.gift_money, a.gift_left) AS gift_total, a.gift_left, a.gift_reserved,
    a.consumption, a.minimum_consumption, a.effective_consumption
FROM active_packages a
JOIN packages p ON p.id = a.package_id
LEFT JOIN phones n ON n.id = a.phone_id
WHERE a.account_id = :account_id AND a.period_start <= :now AND a.period_end > :now
ORDER BY a.phone_id NULLS LAST, a.priority NULLS LAST, a.period_end, a.id
LIMIT :most
"""

# what the package gives in a period may have been changed since this one began
_FREE = """
SELECT f.active_package_id, f.prefixes, f.start_s, f.end_s,
    greatest(coalesce(d.seconds, 0), f.left_s) AS total_s, f.left_s, f.reserved_s
FROM active_free_seconds f
JOIN active_packages a ON a.id = f.active_package_id
LEFT JOIN package_free_seconds d ON d.package_id = a.package_id AND d.position = f.position
WHERE f.active_package_id = ANY(:ids)
ORDER BY f.active_package_id, f.position
"""

_RECURRING = """
SELECT kind, source, period_start, amount, currency, at FROM recurring_charges
WHERE account_id = :account_id AND amount > 0
ORDER BY at DESC, kind, object_id, period_start DESC LIMIT :most
"""

_PHONES = """
SELECT p.number, p.locked, p.monthly_rent AS rent, p.monthly_minimum AS minimum,
    p.monthly_maximum AS maximum, coalesce(m.consumed, 0) AS consumed,
    coalesce(m.reserved, 0) AS reserved
FROM phones p LEFT JOIN phone_months m ON m.phone_id = p.id AND m.month = :month
WHERE p.account_id = :account_id ORDER BY p.number LIMIT :most
"""

_PHONE_COUNT = "SELECT count(*) FROM phones WHERE account_id = :account_id"


def read_subscriptions(connection: sa.Connection, account_id: int, now: datetime) -> Subscriptions:
    month = now.astimezone(platform_zone(connection)).date().replace(day=1)

    def rows(statement: str, **values: object) -> list[sa.Row[Any]]:
        return list(connection.execute(sa.text(statement), values).all())

    packages = rows(_PACKAGES, account_id=account_id, now=now, most=MAX_PACKAGES)
    free: dict[int, list[FreeSecondsLeft]] = {}
    for row in rows(_FREE, ids=[p.id for p in packages]):
        free.setdefault(row.active_package_id, []).append(_free(row))
    recurring = rows(_RECURRING, account_id=account_id, most=MAX_RECURRING)
    phones = rows(_PHONES, account_id=account_id, month=month, most=MAX_PHONES)
    number = len(phones)
    if number == MAX_PHONES:
        number = rows(_PHONE_COUNT, account_id=account_id)[0][0]
    return Subscriptions(
        month,
        tuple(_package(row._asdict(), free) for row in packages),
        tuple(RecurringCharge(**row._asdict()) for row in recurring),
        tuple(PhoneMonth(**row._asdict()) for row in phones),
        number,
    )


def _package(values: dict[str, Any], free: dict[int, list[FreeSecondsLeft]]) -> PackageInUse:
    return PackageInUse(free=tuple(free.get(values.pop("id"), ())), **values)


def _free(row: sa.Row[Any]) -> FreeSecondsLeft:
    return FreeSecondsLeft(
        tuple(row.prefixes), row.start_s, row.end_s, row.total_s, row.left_s, row.reserved_s
    )
