"""Money, lines and benefits for explanations, which must only read them."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from controller.domain.holdings import (
    Allowance,
    Funds,
    Holdings,
    LineKind,
    Lines,
    Month,
    MonthUse,
    PackageFunds,
)
from controller.services.explain_holdings import Wanted
from tests.unit.domain.builders import CUSTOMER, TRUNK, VENDOR_ACCOUNTS, VENDOR_GATEWAYS

ZERO = Decimal(0)


@dataclass
class Till:
    """Implements `HoldingsReader`. `agents` are balances of accounts above the customer."""

    balance: Decimal = Decimal(10)
    reserved: Decimal = ZERO
    vendor_balance: Decimal = ZERO
    used: dict[str, Lines] = field(default_factory=dict)
    trunk: Lines = field(default_factory=lambda: Lines(0, None))
    agents: dict[int, Decimal] = field(default_factory=dict)
    packages: dict[int, PackageFunds] = field(default_factory=dict)
    allowances: dict[int, Allowance] = field(default_factory=dict)
    months: dict[Month, MonthUse] = field(default_factory=dict)

    def holdings(self, wanted: Wanted) -> Holdings:
        known = {CUSTOMER, *self.agents, *VENDOR_ACCOUNTS.values()}
        assert wanted.accounts <= known
        return Holdings(
            {account: self._funds(account) for account in wanted.accounts},
            {key: self._lines(*key) for key in wanted.lines},
            {number: replace(self.packages[number]) for number in wanted.packages},
            {number: replace(self.allowances[number]) for number in wanted.allowances},
            {month: replace(self.months.get(month, _UNUSED)) for month in wanted.months},
        )

    def _lines(self, kind: LineKind, id_: int) -> Lines:
        if kind == "mapping":
            assert id_ == TRUNK
            return replace(self.trunk)
        if kind == "routing":
            (name,) = [name for name, number in VENDOR_GATEWAYS.items() if number == id_]
            return replace(self.used.get(name, Lines(0, None)))
        return Lines(0, None)

    def _funds(self, account: int) -> Funds:
        if account == CUSTOMER:
            return Funds(self.balance, ZERO, self.reserved, 0, None)
        return Funds(self.agents.get(account, self.vendor_balance), ZERO, ZERO, 0, None)


_UNUSED = MonthUse(ZERO, ZERO)


def package_funds(
    gift: str = "0", consumption: str = "0", effective_consumption: str = "0"
) -> PackageFunds:
    return PackageFunds(Decimal(gift), ZERO, Decimal(consumption), Decimal(effective_consumption))
