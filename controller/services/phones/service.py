"""Use cases of phones, each with its right, its scope, its revision and its line of audit.

Seeing needs no right: a customer sees its own phones. Changing needs the right `phones`.
"""

from collections.abc import Sequence

from controller.domain.errors import Conflict, InvalidFields
from controller.domain.number_sections import is_number
from controller.domain.rights import Right
from controller.domain.sip_credentials import credentials, password_fault
from controller.services.accounts.service import Accounts
from controller.services.actors import EVERYTHING, Actor
from controller.services.audit import AuditLine, changed
from controller.services.config_as_code.sections.accounts import read_phone
from controller.services.config_as_code.specs import PhoneSpec
from controller.services.passwords import generated_password
from controller.services.phones.batches import MAX_BATCH, PASSWORD, PhoneRange
from controller.services.phones.checks import check_phone, new_numbers
from controller.services.phones.ports import NumberOwner, PhoneStore, PhoneWork
from controller.services.phones.records import (
    KIND,
    LISTS,
    NewPhone,
    PhonePage,
    PhoneQuery,
    PhoneRecord,
)
from controller.services.records.locks import check_locks, check_removal
from controller.services.records.queries import check_query
from controller.services.records.rows import RowErrors
from controller.services.records.values import Values, read_values, texts_of, values_of
from controller.services.records.work import check_revision, denial, in_scope, not_found, note

_KNOWN = tuple(PhoneSpec.__dataclass_fields__)
_Wanted = tuple[PhoneSpec, str]
"""A phone and its password."""


class Phones:
    """Values are those of a form (`records.values`). Everything raises StoreUnavailable."""

    def __init__(self, store: PhoneStore) -> None:
        self._store = store

    # -- see ------------------------------------------------------------------------------

    def page(self, actor: Actor, query: PhoneQuery) -> PhonePage:
        """Raises InvalidFields for a limit or an `after` that cannot be."""
        check_query(query.limit, search=query.search, account=query.account, after=query.after)
        return self._store.page(actor.scope, query)

    def get(self, actor: Actor, number: str, action: str = "read") -> PhoneRecord:
        """`action`: what it is looked at for; all but `read` need the right.

        Raises NotFound, NotAllowed.
        """
        found = self._seen(actor, number, action)
        if action != "read" and not actor.may(Right.PHONES):
            self._store.deny(denial(actor, action, KIND, number, found.account_id))
            actor.require(Right.PHONES)
        return found

    def _seen(self, actor: Actor, number: str, action: str) -> PhoneRecord:
        scope = actor.scope
        if not is_number(number):
            raise not_found(KIND, number)
        if found := self._store.get(scope, number):
            return found
        if not scope.is_everything and (theirs := self._store.get(EVERYTHING, number)):
            self._store.deny(denial(actor, action, KIND, number, theirs.account_id))
        raise not_found(KIND, number)

    # -- change ---------------------------------------------------------------------------

    def create(self, actor: Actor, values: Values, new_account: Values | None = None) -> NewPhone:
        """A phone with its SIP password: the one in `values["password"]`, or a generated one.

        `new_account`: make the phone's account too, called as the phone unless it has a `name`;
        this needs the right `accounts`. Raises InvalidFields (`account.FIELD` of the account),
        NotAllowed.
        """
        actor.require(Right.PHONES)
        if new_account is not None:
            actor.require(Right.ACCOUNTS)
            new_account = {"name": values.get("number"), **new_account}
            values = {**values, "account": new_account["name"]}
        phone, password = _read(values)
        with self._store.begin(actor) as work:
            if new_account is not None:
                _make_account(work, actor, new_account)
            check_phone(work, actor, phone, work.owners(sorted(new_numbers(phone))))
            (made,) = _write_new(work, actor, [(phone, password)])
            return made

    def create_many(self, actor: Actor, batch: PhoneRange | Sequence[Values]) -> list[NewPhone]:
        """All of them or none. Raises InvalidFields, whose fields are `ROW.field`; NotAllowed."""
        actor.require(Right.PHONES)
        rows = list(batch.rows() if isinstance(batch, PhoneRange) else batch)
        if not 1 <= len(rows) <= MAX_BATCH:
            raise InvalidFields({"": f"not 1 to {MAX_BATCH} phones at once"})
        phones: list[_Wanted] = []
        RowErrors().each(rows, lambda row: phones.append(_read(row)))
        with self._store.begin(actor) as work:
            taken = dict(work.owners(sorted({n for p, _ in phones for n in new_numbers(p)})))

            def check(wanted: _Wanted) -> None:
                phone, _ = wanted
                check_phone(work, actor, phone, taken)
                owner = NumberOwner(phone.number, work.account_id(phone.account))
                taken.update(dict.fromkeys(new_numbers(phone), owner))

            RowErrors().each(phones, check)
            return _write_new(work, actor, phones)

    def change(
        self, actor: Actor, number: str, values: Values, revision: int | None = None
    ) -> PhoneRecord:
        """The fields that `values` names; another `account` moves the phone.

        `revision`: the one that the change was made on. Raises NotFound, Stale, InvalidFields,
        NotAllowed.
        """
        with self._store.begin(actor) as work:
            before = _found(work, actor, number, "change")
            actor.require(Right.PHONES)
            check_revision(work, actor, KIND, number, before.revision, revision)
            merged = {**values_of(before.spec), **values}
            phone = read_values(merged, _KNOWN, read_phone, lists=LISTS)
            if phone.number != number:
                raise InvalidFields({"number": "a phone keeps its number: make another phone"})
            owners = work.owners(sorted(new_numbers(phone, before)))
            gone = not set(before.spec.dids) <= set(phone.dids)
            check_locks(work, actor, before.locks, phone, {"dids": ("locked_in", gone)})
            check_phone(work, actor, phone, owners, before)
            if phone != before.spec:
                work.write([phone])
                moved = phone.account != before.spec.account
                changes = changed(texts_of(before.spec), texts_of(phone))
                owner = work.account_id(phone.account)
                note(work, actor, "move" if moved else "change", KIND, number, owner, changes)
            return _found(work, actor, number, "change")

    def move(
        self, actor: Actor, number: str, account: str, revision: int | None = None
    ) -> PhoneRecord:
        """To another account of the same currency. Raises as `change`."""
        return self.change(actor, number, {"account": account}, revision)

    def new_password(
        self, actor: Actor, number: str, password: str | None = None, revision: int | None = None
    ) -> NewPhone:
        """In place of the one before, which stops working. Raises as `change`."""
        with self._store.begin(actor) as work:
            before = _found(work, actor, number, "change")
            actor.require(Right.PHONES)
            check_revision(work, actor, KIND, number, before.revision, revision)
            made = _checked_password(number, password)
            work.write_credentials({number: credentials(number, made)})
            hidden = changed({PASSWORD: "before"}, {PASSWORD: "after"})
            note(work, actor, "change", KIND, number, before.account_id, hidden)
            return NewPhone(_found(work, actor, number, "change"), made)

    def delete(self, actor: Actor, number: str, revision: int | None = None) -> None:
        """Raises Conflict where the phone has a history, which must stay; else as `change`."""
        with self._store.begin(actor) as work:
            before = _found(work, actor, number, "delete")
            actor.require(Right.PHONES)
            check_removal(work, actor, KIND, number, before.locks)
            check_revision(work, actor, KIND, number, before.revision, revision)
            if history := work.history(number):
                raise Conflict(f"phone {number} {history}: lock it instead")
            work.delete(number)
            changes = changed(texts_of(before.spec), {})
            note(work, actor, "delete", KIND, number, before.account_id, changes)


def _read(values: Values) -> _Wanted:
    """Raises InvalidFields."""
    given = dict(values)
    password = given.pop(PASSWORD, None)
    phone = read_values(given, _KNOWN, read_phone, lists=LISTS)
    return phone, _checked_password(phone.number, password)


def _checked_password(number: str, password: object) -> str:
    """The given one where it is good, a generated one where none is given."""
    if password is None or password == "":
        return generated_password()
    if not isinstance(password, str):
        raise InvalidFields({PASSWORD: "a SIP password is text"})
    if fault := password_fault(password, number):
        raise InvalidFields({PASSWORD: fault})
    return password


def _make_account(work: PhoneWork, actor: Actor, values: Values) -> None:
    try:
        Accounts(work.account_store()).create(actor, values)
    except InvalidFields as error:
        raise InvalidFields(
            {f"account.{name}": why for name, why in error.errors.items()}
        ) from None


def _write_new(work: PhoneWork, actor: Actor, phones: Sequence[_Wanted]) -> list[NewPhone]:
    work.write([phone for phone, _ in phones])
    work.write_credentials({p.number: credentials(p.number, word) for p, word in phones})
    work.audit_all([_line(work, actor, phone) for phone, _ in phones])
    work.bump()
    made = work.phones([phone.number for phone, _ in phones], actor.scope)
    return [NewPhone(made[phone.number], password) for phone, password in phones]


def _line(work: PhoneWork, actor: Actor, phone: PhoneSpec) -> AuditLine:
    changes = changed({}, texts_of(phone))
    return AuditLine(actor, "create", KIND, phone.number, work.account_id(phone.account), changes)


def _found(work: PhoneWork, actor: Actor, number: str, action: str) -> PhoneRecord:
    """Raises NotFound."""
    if not is_number(number):
        raise not_found(KIND, number)
    return in_scope(
        work, actor, action, KIND, number, lambda scope: work.phones([number], scope).get(number)
    )
