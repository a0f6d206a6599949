"""Read models: what pages and exports show, as plain values, and the protocols that deliver them.

Beside the call path, never in it: nothing here takes a lock that a call waits for. Every method
that reads raises `StoreUnavailable` when the database is away or too slow to answer. Amounts are
exact decimals, times aware and in UTC, lists bounded and paged by key (never by offset).
"""

from controller.services.views.web import WebServices

__all__ = ["WebServices"]
