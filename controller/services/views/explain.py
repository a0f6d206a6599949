"""Explanations for pages: the configuration as it is, and each visitor's part of the chain."""

from dataclasses import dataclass, replace
from datetime import datetime

from controller.domain.configuration import Account, AccountKind, Configuration
from controller.domain.errors import InvalidInput, NotAllowed
from controller.services.actors import Scope
from controller.services.explain import CallQuestion, ExplainedCall, explain_call
from controller.services.explain_holdings import HoldingsReader
from controller.services.explain_rate import ExplainedRate, RateQuestion, explain_rate
from controller.services.explain_source import source_of
from controller.services.ports import ConfigurationSource

MAX_NAMES = 200


@dataclass(frozen=True, slots=True)
class ExplainView:
    """Answers what `tollgate explain` answers. Raises InvalidInput and StoreUnavailable."""

    configurations: ConfigurationSource
    holdings: HoldingsReader

    def rate(self, scope: Scope, question: RateQuestion) -> ExplainedRate:
        """An operator sees the whole chain; an account itself and what is below it.

        What an agent above pays is that agent's business, and what is not in scope is not
        there.
        """
        configuration = self.configurations.current
        if scope.is_everything:
            return explain_rate(question, configuration, self.holdings)
        _check_scope(configuration, scope, question)
        explained = explain_rate(question, configuration, self.holdings)
        levels: list[int | None] = [party.account.account_id for party in explained.parties]
        own = levels.index(scope.account_id)
        return replace(explained, parties=explained.parties[: own + 1])

    def call(
        self,
        scope: Scope,
        caller: str,
        callee: str,
        gateway: str,
        when: datetime,
        duration_s: int | None,
    ) -> ExplainedCall:
        """Of a mapping gateway by name. It tells of vendors and costs: NotAllowed for others than
        operators."""
        _operators_only(scope)
        configuration = self.configurations.current
        ip, port = source_of(configuration, gateway)
        question = CallQuestion(caller, callee, ip, port, when, duration_s)
        return explain_call(question, configuration, self.holdings)

    def accounts(self, scope: Scope) -> tuple[str, ...]:
        """Names of accounts that may be asked about, the first of them."""
        configuration = self.configurations.current
        names = (
            account.name
            for account in configuration.accounts.values()
            if account.kind in (AccountKind.ORDINARY, AccountKind.PHONE_CARD)
            and not account.closed
            and _may_ask(configuration, scope, account)
        )
        return tuple(sorted(names)[:MAX_NAMES])

    def gateways(self, scope: Scope) -> tuple[str, ...]:
        """Raises NotAllowed."""
        _operators_only(scope)
        gateways = self.configurations.current.mapping_gateways.values()
        return tuple(sorted(gateway.name for gateway in gateways)[:MAX_NAMES])


def _check_scope(configuration: Configuration, scope: Scope, question: RateQuestion) -> None:
    named = (a for a in configuration.accounts.values() if a.name == question.account)
    account = next(named, None)
    phone = configuration.phones.get(question.phone.removeprefix("+")) if question.phone else None
    if phone is not None and not question.account:
        account = configuration.accounts[phone.account_id]
    if account is None or not _may_ask(configuration, scope, account):
        raise InvalidInput(f"no account is named {question.account[:80]!r}")
    if question.phone and (phone is None or phone.account_id != account.account_id):
        raise InvalidInput(f"no phone has the number {question.phone[:40]!r}")


def _may_ask(configuration: Configuration, scope: Scope, account: Account) -> bool:
    if scope.is_everything:
        return True
    if not scope.subtree:
        return account.account_id == scope.account_id
    chain = (account, *configuration.agents_above(account))
    return any(owner.account_id == scope.account_id for owner in chain)


def _operators_only(scope: Scope) -> None:
    if not scope.is_everything:
        raise NotAllowed("only administrators see vendors and costs")
