"""The hierarchy of spec A4 and those who work in it."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from controller.domain.rights import ALL_RIGHTS, NO_RIGHTS, PRESETS, Right, Rights
from controller.persistence.account_store import PostgresAccountStore
from controller.persistence.audit_store import PostgresAudit
from controller.services.accounts import Accounts
from controller.services.actors import EVERYTHING, Actor, Source, operator
from controller.services.audit import AuditQuery, AuditRow
from controller.services.sign_in import Role

ROOT = operator("root")


@dataclass
class Office:
    """Accounts: `bd-wholesale` → `dhaka-retail` → `customer-001`, and `other-agent` beside."""

    engine: sa.Engine

    def __post_init__(self) -> None:
        self.accounts = Accounts(PostgresAccountStore(self.engine))
        self.audit = PostgresAudit(self.engine)

    def make(self, name: str, parent: str | None = None, **values: Any) -> None:
        self.accounts.create(ROOT, {"name": name, "currency": "USD", "parent": parent, **values})

    def hierarchy(self) -> None:
        gateways = {Right.GATEWAYS, Right.GATEWAY_SETTINGS, Right.GATEWAY_CAPACITY}
        self.make("bd-wholesale", rights=sorted(ALL_RIGHTS - gateways))
        self.make("dhaka-retail", "bd-wholesale", rights=sorted(PRESETS["retail"]))
        self.make("customer-001", "dhaka-retail")
        self.make("other-agent", rights=sorted(ALL_RIGHTS))
        self.make("other-customer", "other-agent")

    def agent(self, name: str, rights: Rights | None = None, role: Role = Role.AGENT) -> Actor:
        """A user of an account; with the rights that count, unless others are given."""
        record = self.accounts.get(ROOT, name)
        counting = record.effective if rights is None else rights
        counting = counting if role is Role.AGENT else NO_RIGHTS
        return Actor(f"user-of-{name}", Source.WEB, role, 1, record.account_id, counting)

    def customer(self, name: str) -> Actor:
        return self.agent(name, role=Role.CUSTOMER)

    def log(self, **wanted: Any) -> list[AuditRow]:
        return list(self.audit.page(EVERYTHING, AuditQuery(**wanted)).rows)

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(sa.text(statement), values)]

    def execute(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)
