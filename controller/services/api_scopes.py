"""What a token of the API may be used for. A token has some of these, an operation needs one.

A scope narrows what a token's owner may do anyway; it never widens it: the owner's rights, and
the accounts that it may know of, are asked as for a person.
"""

from enum import StrEnum


class ApiScope(StrEnum):
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    MONEY_READ = "money:read"
    MONEY_WRITE = "money:write"
    RATES_READ = "rates:read"
    RATES_WRITE = "rates:write"
    PACKAGES_READ = "packages:read"
    PACKAGES_WRITE = "packages:write"
    PHONES_READ = "phones:read"
    PHONES_WRITE = "phones:write"
    GATEWAYS_READ = "gateways:read"
    GATEWAYS_WRITE = "gateways:write"
    CDRS_READ = "cdrs:read"
    CALLS_READ = "calls:read"
    CALLS_WRITE = "calls:write"
    REPORTS_READ = "reports:read"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    TOKENS_READ = "tokens:read"
    TOKENS_WRITE = "tokens:write"
    AUDIT_READ = "audit:read"
