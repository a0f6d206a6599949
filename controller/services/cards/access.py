"""What of cards lies in somebody's scope, and what he may do with it.

The scope is looked at first, then the right. That somebody asked for what is out of scope, or has
not the right for what is in it, is kept in the log.
"""

from controller.domain.errors import NotAllowed
from controller.domain.rights import Right
from controller.services.actors import EVERYTHING, Actor
from controller.services.audit import AuditLog
from controller.services.cards.ports import CardAccount, CardStore
from controller.services.cards.records import KIND, BatchRow
from controller.services.records.work import denial, not_found


class CardAccess:
    def __init__(self, store: CardStore, audit: AuditLog) -> None:
        self._store = store
        self._audit = audit

    def account(self, actor: Actor, name: str, action: str) -> CardAccount:
        """Raises NotFound."""
        found = self._store.account(actor.scope, name)
        if found is not None:
            return found
        hidden = self._store.account(EVERYTHING, name)
        if hidden is not None:
            self._audit.note(denial(actor, action, "account", name, hidden.account_id))
        raise not_found("account", name)

    def batch(self, actor: Actor, batch_id: int, action: str) -> BatchRow:
        """One that the actor may look after. Raises NotFound, NotAllowed."""
        scope = actor.scope
        found = self._store.batch(actor, batch_id)
        if found is not None:
            try:
                actor.require(Right.PHONE_CARDS)
            except NotAllowed:
                self._audit.note(denial(actor, action, KIND, found.name, found.issuer_id))
                raise
            return found
        # the platform's own batches have no account to keep the line with
        hidden = None if scope.is_everything else self._store.owner(batch_id)
        if hidden is not None and hidden[1] is not None:
            self._audit.note(denial(actor, action, KIND, hidden[0], hidden[1]))
        raise not_found(KIND, str(batch_id))
