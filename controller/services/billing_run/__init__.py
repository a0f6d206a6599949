"""Recurring money: rents, minimums and expiry, by date and by payment (docs/billing.md)."""
