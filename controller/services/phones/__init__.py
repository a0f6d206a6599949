"""Phones as records (spec §3.1): made, changed, moved, removed and listed by people."""

from controller.services.phones.batches import PhoneRange, read_phone_csv
from controller.services.phones.records import (
    NewPhone,
    PhonePage,
    PhoneQuery,
    PhoneRecord,
    PhoneRow,
    PhoneSort,
)
from controller.services.phones.service import Phones

__all__ = [
    "NewPhone",
    "PhonePage",
    "PhoneQuery",
    "PhoneRange",
    "PhoneRecord",
    "PhoneRow",
    "PhoneSort",
    "Phones",
    "read_phone_csv",
]
