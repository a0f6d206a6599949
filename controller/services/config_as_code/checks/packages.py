"""Packages: their periods and calendars. Orders: whose they are, and in which currency."""

from collections.abc import Iterator

from controller.services.config_as_code.checks.rate_groups import (
    check_calendar,
    check_period_rates,
)
from controller.services.config_as_code.checks.references import is_gone_account, payer_fault
from controller.services.config_as_code.model import Lines, Section, State
from controller.services.config_as_code.problems import Problem, shown
from controller.services.config_as_code.specs import PackageOrderSpec


def check_packages(state: State, lines: Lines) -> Iterator[Problem]:
    for package in state.packages.values():
        place = (Section.PACKAGES, package.name)
        whose = f"package {package.name}"
        yield from check_calendar(state, lines, place, whose, package.calendar)
        yield from check_period_rates(state, lines, place, whose, package)


def check_orders(state: State, lines: Lines) -> Iterator[Problem]:
    """Orders that are over are history: their package and account may be gone."""
    for order in state.package_orders.values():
        if not order.ended:
            yield from _package(state, lines, order)
            yield from _owner(state, lines, order)


def _package(state: State, lines: Lines, order: PackageOrderSpec) -> Iterator[Problem]:
    if order.package not in state.packages:
        own = (Section.PACKAGE_ORDERS, order.key, "package")
        message = f"package order {order.key}: there is no package {shown(order.package)}"
        yield Problem(lines.find(own, (Section.PACKAGES,)), message, own not in lines.of)


def _owner(state: State, lines: Lines, order: PackageOrderSpec) -> Iterator[Problem]:
    whose = f"package order {order.key}"
    own = (Section.PACKAGE_ORDERS, order.key, "phone" if order.phone else "account")
    if order.phone and order.phone not in state.phones:
        message = f"{whose}: there is no phone {shown(order.phone)}"
        yield Problem(lines.find(own, (Section.PHONES,)), message, own not in lines.of)
        return
    name = state.phones[order.phone].account if order.phone else order.account
    if name and (fault := _payer_fault(state, order, name)):
        line = lines.find(own, (Section.ACCOUNTS, name), (Section.ACCOUNTS,))
        refused = is_gone_account(state, name) and own not in lines.of
        yield Problem(line, f"{whose}: {fault}", refused)


def _payer_fault(state: State, order: PackageOrderSpec, name: str) -> str:
    if fault := payer_fault(state, name):
        return fault
    account, package = state.accounts[name], state.packages.get(order.package)
    if package is None or not (package.currency and account.currency):
        return ""
    if package.currency != account.currency:
        return (
            f"package {package.name} is in {package.currency}, account {name} in {account.currency}"
        )
    return ""
