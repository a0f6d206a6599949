"""Tables, as SQLAlchemy Core. The migrations create them; a check compares the two.

Money is numeric(24,10): ten digits after the point, the largest scale of a rate group.
"""

# first, for the module would else take the place of the table `users`
from controller.persistence.schema.identities import api_tokens, old_passwords, recovery_codes

# isort: split
from controller.persistence.schema.accounts import account_tree, audit_log
from controller.persistence.schema.api import api_replies
from controller.persistence.schema.call_commands import call_commands
from controller.persistence.schema.call_sums import call_sums, call_sums_new, cdr_agents
from controller.persistence.schema.cards import card_batches, card_tries, cards
from controller.persistence.schema.columns import metadata
from controller.persistence.schema.decks import (
    deck_changes,
    staged_deck_problems,
    staged_deck_rows,
    staged_decks,
)
from controller.persistence.schema.foundation import (
    account_funds,
    accounts,
    call_attempts,
    calls,
    cdrs,
    configuration_state,
    login_failures,
    mapping_gateway_addresses,
    mapping_gateways,
    postings,
    rate_groups,
    rates,
    routes,
    routing_gateways,
    switches,
    users,
    web_sessions,
)
from controller.persistence.schema.leases import switch_leases
from controller.persistence.schema.ledger import (
    account_limit_changes,
    ledger_verifications,
    movement_accounts,
    movements,
    pending_movements,
)
from controller.persistence.schema.limits import (
    gateway_groups,
    lines,
    mapping_gateway_groups,
    routing_gateway_groups,
)
from controller.persistence.schema.numbers import (
    destination_rules,
    number_sections,
    phone_credentials,
    phone_numbers,
)
from controller.persistence.schema.offline import late_admissions
from controller.persistence.schema.rating import (
    active_free_seconds,
    active_packages,
    calendar_days,
    calendars,
    cdr_charges,
    package_free_seconds,
    package_orders,
    packages,
    period_rates,
    phone_months,
    phones,
    rate_group_agents,
    recurring_charges,
    rerating_runs,
)

__all__ = [
    "account_funds",
    "account_limit_changes",
    "account_tree",
    "accounts",
    "active_free_seconds",
    "active_packages",
    "api_replies",
    "api_tokens",
    "audit_log",
    "calendar_days",
    "calendars",
    "call_attempts",
    "call_commands",
    "call_sums",
    "call_sums_new",
    "calls",
    "card_batches",
    "card_tries",
    "cards",
    "cdr_agents",
    "cdr_charges",
    "cdrs",
    "configuration_state",
    "deck_changes",
    "destination_rules",
    "gateway_groups",
    "late_admissions",
    "ledger_verifications",
    "lines",
    "login_failures",
    "mapping_gateway_addresses",
    "mapping_gateway_groups",
    "mapping_gateways",
    "metadata",
    "movement_accounts",
    "movements",
    "number_sections",
    "old_passwords",
    "package_free_seconds",
    "package_orders",
    "packages",
    "pending_movements",
    "period_rates",
    "phone_credentials",
    "phone_months",
    "phone_numbers",
    "phones",
    "postings",
    "rate_group_agents",
    "rate_groups",
    "rates",
    "recovery_codes",
    "recurring_charges",
    "rerating_runs",
    "routes",
    "routing_gateway_groups",
    "routing_gateways",
    "staged_deck_problems",
    "staged_deck_rows",
    "staged_decks",
    "switch_leases",
    "switches",
    "users",
    "web_sessions",
]
