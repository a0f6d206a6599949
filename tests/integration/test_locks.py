"""A lock that somebody above set is not undone from below; one of one's own people is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.domain.errors import InvalidFields, NotAllowed
from controller.persistence.account_store import PostgresAccountStore
from controller.persistence.gateway_store import PostgresGateways
from controller.persistence.low_balance_store import PostgresLowBalances
from controller.persistence.phone_store import PostgresPhones
from controller.persistence.user_store import PostgresUserDirectory
from controller.services.accounts.service import Accounts
from controller.services.actors import Actor, Source, operator
from controller.services.gateways import MappingGateways
from controller.services.phones.service import Phones
from controller.services.records.locks import FROM_ABOVE
from controller.services.users import Users
from tests.integration.tenants import OPERATOR, TENANTS, Tenants
from tests.web.conftest import PASSWORDS

pytestmark = pytest.mark.postgres


@dataclass(slots=True)
class Lockable:
    """One kind of object in shop's hands, with a lock."""

    change: Callable[[Actor, dict[str, Any]], object]
    delete: Callable[[Actor], object]
    field: str
    locker: str
    """Query of who set the lock."""

    def set(self, actor: Actor, *, locked: bool) -> None:
        self.change(actor, {self.field: locked})


@pytest.fixture
def tenants(database_url: str, engine: sa.Engine, tmp_path: Path) -> Tenants:
    return Tenants(database_url, engine, tmp_path)


@pytest.fixture
def trunks(tenants: Tenants) -> MappingGateways:
    return MappingGateways(PostgresGateways(tenants.engine))


@pytest.fixture
def phones(tenants: Tenants) -> Phones:
    return Phones(PostgresPhones(tenants.engine))


@pytest.fixture
def accounts(tenants: Tenants) -> Accounts:
    return Accounts(PostgresAccountStore(tenants.engine))


@pytest.fixture(params=["account", "phone", "phone in", "trunk", "user"])
def thing(
    request: pytest.FixtureRequest,
    tenants: Tenants,
    trunks: MappingGateways,
    phones: Phones,
    accounts: Accounts,
) -> Lockable:
    if request.param == "account":
        return Lockable(
            lambda who, values: accounts.change(who, "shop", values),
            lambda who: accounts.delete(who, "shop"),
            "locked",
            "SELECT locked_by_account_id FROM accounts WHERE name = 'shop'",
        )
    if request.param.startswith("phone"):
        phones.create(OPERATOR, {"number": "88010001", "account": "shop"})
        field = "locked_in" if request.param == "phone in" else "locked"
        return Lockable(
            lambda who, values: phones.change(who, "88010001", values),
            lambda who: phones.delete(who, "88010001"),
            field,
            f"SELECT {field}_by_account_id FROM phones",  # noqa: S608 - one of two constants
        )
    if request.param == "trunk":
        trunks.create(OPERATOR, {"name": "in", "account": "shop", "addresses": "192.0.2.9"})
        return Lockable(
            lambda who, values: trunks.change(who, "in", values),
            lambda who: trunks.delete(who, "in"),
            "locked",
            "SELECT locked_by_account_id FROM mapping_gateways WHERE name = 'in'",
        )
    users = Users(PostgresUserDirectory(tenants.engine), PASSWORDS)
    users.create(OPERATOR, {"name": "clerk", "role": "customer", "account": "shop"})
    return Lockable(
        lambda who, values: users.change(who, "clerk", values),
        lambda who: users.delete(who, "clerk"),
        "disabled",
        "SELECT disabled_by_account_id FROM users WHERE name = 'clerk'",
    )


def test_who_may_undo_whose_lock(tenants: Tenants, thing: Lockable) -> None:
    bd, dhaka = tenants.agent("bd"), tenants.agent("dhaka")
    for locker, may_not in (
        (OPERATOR, [bd, dhaka]),
        (bd, [dhaka]),
        (dhaka, []),
    ):
        for unlocker in (OPERATOR, bd, dhaka):
            thing.set(locker, locked=True)
            assert tenants.rows(thing.locker) == [(locker.account_id,)]
            if unlocker in may_not:
                with pytest.raises(InvalidFields) as error:
                    thing.set(unlocker, locked=False)
                assert error.value.errors == {thing.field: FROM_ABOVE}
                thing.set(OPERATOR, locked=False)
            else:
                thing.set(unlocker, locked=False)
            assert tenants.rows(thing.locker) == [(None,)]


def test_who_goes_on_changing_what_is_locked(tenants: Tenants, thing: Lockable) -> None:
    """Only the lock is somebody else's. A form that sends it unchanged takes nothing away."""
    dhaka = tenants.agent("dhaka")
    thing.set(OPERATOR, locked=True)
    other = "email" if thing.field == "disabled" else "memo"
    thing.change(dhaka, {other: "a@example.net", thing.field: True})
    assert tenants.rows(thing.locker) == [(None,)], "still the platform's"
    with pytest.raises(InvalidFields):
        thing.set(dhaka, locked=False)


def test_what_is_locked_from_above_is_not_deleted_from_below(
    tenants: Tenants, thing: Lockable
) -> None:
    """It could be made again, without its lock."""
    bd, dhaka = tenants.agent("bd"), tenants.agent("dhaka")
    thing.set(bd, locked=True)
    with pytest.raises(NotAllowed, match=FROM_ABOVE):
        thing.delete(dhaka)
    assert tenants.audit("denied")[-1][0] == "delete"
    thing.delete(bd)


def test_addresses_stay_with_a_locked_trunk(tenants: Tenants, trunks: MappingGateways) -> None:
    dhaka = tenants.agent("dhaka")
    trunks.create(OPERATOR, {"name": "in", "account": "shop", "addresses": "192.0.2.9"})
    trunks.change(OPERATOR, "in", {"locked": True})
    with pytest.raises(InvalidFields) as error:
        trunks.change(dhaka, "in", {"addresses": "192.0.2.10"})
    assert error.value.errors.keys() == {"addresses"}
    trunks.change(dhaka, "in", {"addresses": "192.0.2.9, 192.0.2.10"})
    trunks.change(OPERATOR, "in", {"locked": False})
    trunks.change(dhaka, "in", {"locked": True, "addresses": "192.0.2.11"})
    trunks.change(dhaka, "in", {"addresses": "192.0.2.12"})


def test_no_way_around_a_locked_trunk_by_its_ports(
    tenants: Tenants, trunks: MappingGateways
) -> None:
    """A source with a port goes before the one without."""
    dhaka = tenants.agent("dhaka")
    trunks.create(OPERATOR, {"name": "in", "account": "shop", "addresses": "192.0.2.9"})
    around = {"name": "around", "account": "shop", "addresses": "192.0.2.9:5060"}
    trunks.change(OPERATOR, "in", {"locked": True})
    with pytest.raises(InvalidFields, match="gateway in, which is locked"):
        trunks.create(dhaka, around)
    trunks.change(OPERATOR, "in", {"locked": False})
    trunks.create(dhaka, around)


def test_numbers_stay_with_a_phone_that_is_not_called(tenants: Tenants, phones: Phones) -> None:
    dhaka = tenants.agent("dhaka")
    new = {"number": "88010001", "account": "shop", "dids": "88010077", "locked_in": True}
    phones.create(OPERATOR, new)
    with pytest.raises(InvalidFields) as error:
        phones.change(dhaka, "88010001", {"dids": ""})
    assert error.value.errors.keys() == {"dids"}
    phones.change(dhaka, "88010001", {"dids": "88010077, 88010078"})


def test_made_locked(tenants: Tenants, accounts: Accounts, phones: Phones) -> None:
    bd = tenants.agent("bd")
    accounts.create(bd, {"name": "kiosk", "currency": "USD", "parent": "dhaka", "locked": True})
    with pytest.raises(InvalidFields, match=FROM_ABOVE):
        accounts.change(tenants.agent("dhaka"), "kiosk", {"locked": False})
    phones.create_many(bd, [{"number": "88010005", "account": "shop", "locked": True}])
    assert tenants.rows("SELECT locked_by_account_id FROM phones") == [(bd.account_id,)]


def test_a_lock_of_who_was_above_once_holds_nobody(tenants: Tenants, accounts: Accounts) -> None:
    accounts.create(OPERATOR, {"name": "roamer", "currency": "USD", "parent": "bd"})
    accounts.change(tenants.agent("bd"), "roamer", {"locked": True})
    accounts.change(OPERATOR, "roamer", {"parent": "atlas"})
    accounts.change(tenants.agent("atlas"), "roamer", {"locked": False})


def test_a_lock_for_want_of_money_is_nobodys(tenants: Tenants, accounts: Accounts) -> None:
    wanted = {"low_balance": "10", "low_balance_locks": True}
    accounts.change(OPERATOR, "shop", wanted)
    job = operator("scheduler", Source.SCHEDULER)
    assert [low.name for low in PostgresLowBalances(tenants.engine).lock_low(job)] == ["shop"]
    assert accounts.change(tenants.agent("dhaka"), "shop", {"locked": False}).locks == {}


def test_a_file_is_the_operators(tenants: Tenants, accounts: Accounts) -> None:
    """What a file locks is the platform's; what it leaves locked stays whose it was."""
    dhaka, bd = tenants.agent("dhaka"), tenants.agent("bd")
    ran = tenants.apply(TENANTS.replace("parent: dhaka,", "parent: dhaka, locked: true,"))
    assert ran.status == 0, ran.err
    with pytest.raises(InvalidFields, match=FROM_ABOVE):
        accounts.change(bd, "shop", {"locked": False})
    accounts.change(OPERATOR, "shop", {"locked": False})
    accounts.change(dhaka, "shop", {"locked": True})
    again = TENANTS.replace("parent: dhaka,", "parent: dhaka, locked: true, memo: seen,")
    assert tenants.apply(again).status == 0
    assert accounts.get(dhaka, "shop").locks == {"locked": dhaka.account_id}
