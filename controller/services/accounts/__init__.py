"""Accounts as people see and change them (spec §1.1 to §1.5)."""

from controller.services.accounts.batches import AccountSeries, read_account_csv
from controller.services.accounts.records import (
    AccountPage,
    AccountQuery,
    AccountRecord,
    AccountRow,
    AccountSort,
    AccountState,
    RightView,
    TreeNode,
)
from controller.services.accounts.service import Accounts

__all__ = [
    "AccountPage",
    "AccountQuery",
    "AccountRecord",
    "AccountRow",
    "AccountSeries",
    "AccountSort",
    "AccountState",
    "Accounts",
    "RightView",
    "TreeNode",
    "read_account_csv",
]
