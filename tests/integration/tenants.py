"""Two agents with accounts below them, and people who act for them.

bd (agent) ── dhaka (agent) ── shop          atlas (agent) ── cairo          solo
"""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from controller.domain.rights import ALL_RIGHTS, Right, Rights
from controller.services.actors import Actor, Source, operator
from controller.services.sign_in import Role
from tests.integration.command_line import settings_for
from tests.integration.configured_operator import Operator

TENANTS = """
rate_groups:
  - {name: sell, currency: USD, rates: [{prefix: "*", tiers: "0|0:0.05/60/60"}]}
  - {name: bd-sells, currency: USD, owner: bd, rates: [{prefix: "*", tiers: "0|0:0.06/60/60"}]}
  - {name: given, currency: USD, agents: [bd], rates: [{prefix: "*", tiers: "0|0:0.07/60/60"}]}
  - {name: euro, currency: EUR}
accounts:
  - {name: bd, currency: USD, rate_group: sell, number_sections: [88010000-88019999]}
  - {name: dhaka, currency: USD, parent: bd, rate_group: bd-sells}
  - {name: shop, currency: USD, parent: dhaka, rate_group: bd-sells}
  - {name: atlas, currency: USD, rate_group: sell}
  - {name: cairo, currency: USD, parent: atlas, rate_group: sell}
  - {name: solo, currency: USD, rate_group: sell}
  - {name: europe, currency: EUR, rate_group: euro}
  - {name: vendor, currency: USD, kind: clearing}
gateway_groups:
  - {name: west, capacity: 30}
mapping_gateways:
  - {name: atlas-trunk, account: atlas, addresses: [192.0.2.7]}
"""

OPERATOR = operator("ops")


class Tenants(Operator):
    """The operator's database, with the tree above."""

    def __init__(self, database_url: str, engine: sa.Engine, folder: Path) -> None:
        super().__init__(settings_for(database_url, folder), engine, folder)
        ran = self.apply(TENANTS)
        assert ran.status == 0, ran.err
        ((self._known_lines,),) = self.rows("SELECT coalesce(max(id), 0) FROM audit_log")

    def id_of(self, account: str) -> int:
        ((found,),) = self.rows("SELECT id FROM accounts WHERE name = :name", name=account)
        assert isinstance(found, int)
        return found

    def agent(self, account: str, rights: Rights = ALL_RIGHTS) -> Actor:
        return Actor(f"{account}-agent", Source.WEB, Role.AGENT, 1, self.id_of(account), rights)

    def agent_without(self, account: str, *rights: Right) -> Actor:
        return self.agent(account, ALL_RIGHTS - frozenset(rights))

    def customer(self, account: str) -> Actor:
        return Actor(f"{account}-user", Source.WEB, Role.CUSTOMER, 2, self.id_of(account))

    def audit(self, outcome: str = "done") -> list[tuple[Any, ...]]:
        """Action, kind, name of each line in order, from what the set-up's file left on."""
        return self.rows(
            "SELECT action, kind, name FROM audit_log"
            " WHERE outcome = :o AND id > :known ORDER BY id",
            o=outcome,
            known=self._known_lines,
        )

    @property
    def version(self) -> int:
        return self.loaded.version
