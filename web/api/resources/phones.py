"""Phones: numbers of ours that register, or that are called."""

from controller.services.actors import Actor
from controller.services.api_scopes import ApiScope
from controller.services.phones.batches import PhoneRange
from controller.services.phones.records import NewPhone, PhoneQuery, PhoneRecord
from web.api.operations import PREFIX, Reply
from web.api.paging import cursor, links, text_place
from web.api.problems import Problem, Problems, wrong
from web.api.resource import Resource
from web.api.resources.blueprint import blueprint
from web.api.resources.phone_models import (
    Number,
    PasswordNew,
    PhoneChange,
    PhoneMade,
    PhoneNew,
    PhoneOut,
    PhonePageOut,
    PhoneRangeNew,
    PhoneRowOut,
    PhonesMade,
    PhonesNew,
    PhonesQuery,
)
from web.api.rows import faults_by_row
from web.api.values import parts_of
from web.context import services

BATCH_BODY = 1024 * 1024
SECRET = ("password",)
_READ = ApiScope.PHONES_READ
_WRITE = ApiScope.PHONES_WRITE

resource = Resource(blueprint, "Phones", "Numbers, their DIDs and SIP passwords.")


@resource.get("/phones", _READ, is_paged=True)
def list_phones(actor: Actor, query: PhonesQuery) -> Reply[PhonePageOut]:
    """Phones of your accounts."""
    wanted = PhoneQuery(
        search=query.search,
        account=query.account or "",
        locked=query.locked,
        sort=query.sort,
        descending=query.descending,
        after=text_place(query),
        limit=query.limit,
    )
    page = services().phones.page(actor, wanted)
    following = cursor(query, page.next_after) if page.next_after else None
    rows = [PhoneRowOut.model_validate(row) for row in page.rows]
    return Reply(PhonePageOut(items=rows, next=following), links=links(following))


@resource.post("/phones", _WRITE, status=201, has_etag=True, secret=SECRET)
def create(actor: Actor, body: PhoneNew) -> Reply[PhoneMade]:
    """Make a phone.

    Its SIP password is in this answer and nowhere else.
    """
    values = _given(body)
    new_account = values.pop("new_account", None)
    if new_account is not None and not isinstance(new_account, dict):
        raise Problem(Problems.INVALID_FIELDS)
    made = services().phones.create(actor, values, new_account)
    location = f"{PREFIX}/phones/{made.record.spec.number}"
    return Reply(_made(made), 201, made.record.revision, location)


@resource.post("/phone-batches", _WRITE, status=201, secret=SECRET, max_body=BATCH_BODY)
def create_batch(actor: Actor, body: PhonesNew) -> PhonesMade:
    """Make many phones.

    All of them or none.
    """
    if any(phone.new_account is not None for phone in body.phones):
        raise wrong("Accounts are not made with many phones: make them before.", "phones")
    rows = [_given(phone) for phone in body.phones]
    with faults_by_row("phones"):
        made = services().phones.create_many(actor, rows)
    return PhonesMade(phones=[_made(phone) for phone in made])


@resource.post("/phone-ranges", _WRITE, status=201, secret=SECRET)
def create_range(actor: Actor, body: PhoneRangeNew) -> PhonesMade:
    """Make a range of phones.

    Every number from `first` to `last`, all of them or none.
    """
    batch = PhoneRange(body.first, body.last, _given(body.shared))
    made = services().phones.create_many(actor, batch)
    return PhonesMade(phones=[_made(phone) for phone in made])


@resource.get("/phones/<number>", _READ, has_etag=True)
def show(actor: Actor, number: Number) -> Reply[PhoneOut]:
    """A phone."""
    found = services().phones.get(actor, number)
    return Reply(_out(found), revision=found.revision)


@resource.patch("/phones/<number>", _WRITE)
def change(
    actor: Actor, number: Number, revision: int | None, body: PhoneChange
) -> Reply[PhoneOut]:
    """Change a phone.

    Only the fields that are sent. Another `account` moves it.
    """
    changed = services().phones.change(actor, number, _given(body), revision)
    return Reply(_out(changed), revision=changed.revision)


@resource.delete("/phones/<number>", _WRITE, problems=(Problems.CONFLICT,))
def delete(actor: Actor, number: Number, revision: int | None) -> None:
    """Delete a phone.

    Only one without a history: lock it else.
    """
    services().phones.delete(actor, number, revision)


@resource.post("/phones/<number>/password", _WRITE, secret=SECRET)
def new_password(
    actor: Actor, number: Number, revision: int | None, body: PasswordNew
) -> Reply[PhoneMade]:
    """Give a phone another SIP password.

    The one before stops working at once.
    """
    made = services().phones.new_password(actor, number, body.password, revision)
    return Reply(_made(made), revision=made.record.revision)


def _given(body: PhoneChange) -> dict[str, object]:
    return body.model_dump(exclude_unset=True)


def _out(record: PhoneRecord) -> PhoneOut:
    return PhoneOut.model_validate(parts_of(record.spec, record))


def _made(phone: NewPhone) -> PhoneMade:
    return PhoneMade(phone=_out(phone.record), password=phone.password)
