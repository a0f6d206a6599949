"""Movements of money that people order, in one phase or two (docs/money.md)."""
