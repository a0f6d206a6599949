"""What applying a file leaves in the audit log: a line for each object, deck and posting.

The words are those of the services that change the same objects one by one: an account's history
reads alike, whoever changed it and by which way.
"""

from collections.abc import Callable, Iterator, Mapping

from controller.domain.money import plain
from controller.services.actors import Actor
from controller.services.audit import AuditLine, changed
from controller.services.config_as_code.differences import Action, Difference, ObjectChange
from controller.services.config_as_code.model import Section
from controller.services.config_as_code.ports import ConfigurationWork
from controller.services.config_as_code.specs import (
    AccountSpec,
    MappingGatewaySpec,
    PackageOrderSpec,
    PhoneSpec,
    RateGroupSpec,
    RoutingGatewaySpec,
    Spec,
)
from controller.services.decks.audit import rates_line
from controller.services.records.values import text_of, texts_of

PARAMETERS = "parameters"
OwnerOf = Callable[[ObjectChange], str | None]


def audit_lines(
    actor: Actor, difference: Difference, work: ConfigurationWork
) -> Iterator[AuditLine]:
    """After the difference was written: what is new has its number by then."""
    owner_of = _owners(difference, work)
    names = {owner for change in difference.objects if (owner := owner_of(change))}
    names |= {opening.account for opening in difference.openings}
    ids = work.account_ids(sorted(names))
    if difference.parameters:
        fields = {f.field: (text_of(f.before), text_of(f.after)) for f in difference.parameters}
        yield AuditLine(actor, "change", PARAMETERS, PARAMETERS, changes=fields)
    for change in difference.objects:
        yield _object_line(actor, change, ids.get(owner_of(change) or ""))
    for group, deck in sorted(difference.decks.items()):
        yield rates_line(actor, group, deck)
    for opening in difference.openings:
        said = {"amount": ("", plain(opening.amount)), "memo": ("", opening.memo)}
        account_id = ids.get(opening.account)
        yield AuditLine(actor, "opening", "account", opening.account, account_id, said)


def _object_line(actor: Actor, change: ObjectChange, account_id: int | None) -> AuditLine:
    action = _action(change)
    before = texts_of(change.before) if change.before else {}
    after = texts_of(change.after) if change.after else {}
    differences = {"closed": ("false", "true")} if action == "close" else changed(before, after)
    return AuditLine(actor, action, change.section.noun, change.name, account_id, differences)


def _action(change: ObjectChange) -> str:
    before, after = change.before, change.after
    if change.action is Action.REMOVE:
        # accounts have a history, which stays
        return "close" if change.section is Section.ACCOUNTS else "delete"
    if isinstance(before, AccountSpec) and isinstance(after, AccountSpec):
        if before.closed != after.closed:
            return "reopen" if before.closed else "close"
        return "move" if before.parent != after.parent else "change"
    return "create" if before is None else "change"


def _owners(difference: Difference, work: ConfigurationWork) -> OwnerOf:
    """Tells the name of the account whose agents may read of an object."""
    phones = _accounts_of_ordered_phones(difference, work)

    def owner_of(change: ObjectChange) -> str | None:
        spec = change.after or change.before
        return None if spec is None else _owner(spec, phones)

    return owner_of


def _owner(spec: Spec, phones: Mapping[str, str]) -> str | None:
    match spec:
        case AccountSpec():
            return spec.name
        case PhoneSpec() | MappingGatewaySpec():
            return spec.account
        case RoutingGatewaySpec():
            return spec.clearing_account
        case RateGroupSpec():
            return spec.owner
        case PackageOrderSpec(phone=str(phone)):
            return phones.get(phone)
        case PackageOrderSpec():
            return spec.account
    return None


def _accounts_of_ordered_phones(
    difference: Difference, work: ConfigurationWork
) -> Mapping[str, str]:
    """By the phone's number; of one that goes with its order, whose it was."""
    specs = [spec for c in difference.objects if (spec := c.after or c.before) is not None]
    ordered = {s.phone for s in specs if isinstance(s, PackageOrderSpec) and s.phone}
    given = {s.number: s.account for s in specs if isinstance(s, PhoneSpec)}
    stored = work.accounts_of_phones(sorted(ordered - given.keys()))
    return {**given, **stored}
