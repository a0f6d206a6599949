"""Without the database: on disk before anybody hears of it, and told once it is back."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.call_record import RecordRules
from controller.domain.configuration import OfflineTerms
from controller.domain.offline import OfflineRules
from controller.domain.reasons import Reason, Refused
from controller.services.journal_entries import (
    Admit,
    AdmitLate,
    End,
    Failed,
    LateAdmission,
    Outcome,
)
from controller.services.offline_desk import OfflineDesk
from tests.unit.domain.builders import CUSTOMER, call_id, ended, ticket

TERMS = OfflineRules({CUSTOMER: OfflineTerms(2, 2, Decimal(10))}, None, {})


class Disk:
    """Implements `OfflineLog`."""

    def __init__(self) -> None:
        self.full = False
        self.kept: dict[str, AdmitLate] = {}

    def append(self, admissions: Sequence[AdmitLate]) -> None:
        if self.full:
            raise OSError("no space left on device")
        self.kept |= {admission.call_id: admission for admission in admissions}

    def forget(self, call_ids: Sequence[str]) -> None:
        if self.full:
            raise OSError("input/output error")
        for each in call_ids:
            self.kept.pop(each, None)


def admission(number: int, offline: OfflineRules | None = TERMS) -> Admit:
    return Admit(ticket(call_id=call_id(number)), AdmissionRules(), offline)


def decide(desk: OfflineDesk, *numbers: int) -> list[Outcome]:
    return desk.decide([admission(number) for number in numbers], "connection refused")[0]


def is_admitted(outcomes: list[Outcome]) -> list[bool]:
    return [isinstance(outcome, Admitted) for outcome in outcomes]


def test_who_is_admitted_is_on_disk_and_told_to_the_database() -> None:
    disk = Disk()
    desk = OfflineDesk(disk, lambda: True)
    entries = [admission(1), admission(2, None), admission(3), admission(4)]
    outcomes, late = desk.decide(entries, "connection refused")
    assert is_admitted(outcomes) == [True, False, True, False]
    assert outcomes[1] == Failed("connection refused", retry=False)
    assert isinstance(outcomes[3], Refused)
    assert [entry.call_id for entry in late] == [*disk.kept] == [call_id(1), call_id(3)]
    assert late[0] == AdmitLate(entries[0].ticket, 120, (201, 202))
    desk.learn([(late[0], LateAdmission())])
    assert [*disk.kept] == [call_id(3)]
    assert is_admitted(decide(desk, 5)) == [True]


def test_what_cannot_be_written_is_not_admitted_and_holds_nothing() -> None:
    disk = Disk()
    disk.full = True
    desk = OfflineDesk(disk, lambda: True)
    assert decide(desk, 1, 2) == [Failed("the offline journal cannot be written", retry=False)] * 2
    disk.full = False
    assert is_admitted(decide(desk, 3, 4, 5)) == [True, True, False]


def test_a_disk_that_keeps_what_is_told_does_no_harm() -> None:
    disk = Disk()
    desk = OfflineDesk(disk, lambda: True)
    _, late = desk.decide([admission(1), admission(2)], "")
    disk.full = True
    desk.learn([(entry, LateAdmission()) for entry in late])
    disk.full = False
    assert is_admitted(decide(desk, 3, 4)) == [True, True]


def test_nobody_but_the_switchs_owner_admits() -> None:
    desk = OfflineDesk(Disk(), lambda: False)
    assert decide(desk, 1) == [Failed("connection refused", retry=False)]


def test_an_ended_call_makes_room() -> None:
    desk = OfflineDesk(Disk(), lambda: True)
    assert is_admitted(decide(desk, 1, 2, 3)) == [True, True, False]
    desk.end(End(ended(call_id=call_id(1)), None, None, RecordRules()))
    assert is_admitted(decide(desk, 4, 5)) == [True, False]


def test_an_account_that_had_no_money_left_gets_nothing() -> None:
    desk = OfflineDesk(Disk(), lambda: True)
    poor = Refused(Reason.INSUFFICIENT_BALANCE, "available 0")
    lasting = Refused(Reason.ACCOUNT_CAPACITY, "2 of 2")
    why = "without the database: customer had no money left when it went away"
    desk.learn([(admission(1), poor), (admission(2), lasting)])
    assert decide(desk, 3) == [Refused(Reason.STORE_UNAVAILABLE, why)]
    desk.learn([(admission(4), Admitted(60))])
    assert is_admitted(decide(desk, 3)) == [True]
    # calls without the database have used up more than there is
    late: Any = AdmitLate(ticket(), 120, (201,))
    desk.learn([(late, LateAdmission((CUSTOMER,)))])
    assert decide(desk, 5) == [Refused(Reason.STORE_UNAVAILABLE, why)]
