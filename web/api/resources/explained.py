"""Explanations as answers: prices, decisions, coverage."""

from collections.abc import Iterable

from controller.domain.admission import Admitted
from controller.domain.reasons import SIGNALS, Refused
from controller.services.coverage import FoundGap, Gaps
from controller.services.explain import ExplainedCall
from controller.services.explain_bill import ExplainedBill
from controller.services.explain_parties import Asked, Party
from controller.services.explain_prices import Candidate
from controller.services.explain_rate import ExplainedRate
from controller.services.explain_words import party_words
from controller.services.views.coverage import CoverageState
from web.api.resources.call_models import StepOut
from web.api.resources.rate_models import (
    BillOut,
    CandidateOut,
    ChargeLineOut,
    CoverageOut,
    DecisionOut,
    GapOut,
    GapsOut,
    PartyOut,
    PriceOut,
    VendorOut,
)


def price_out(explained: ExplainedRate) -> PriceOut:
    return PriceOut(
        account=explained.account.name,
        phone=explained.phone.number if explained.phone else None,
        number=explained.asked.moment.number,
        at=explained.question.when,
        duration_s=explained.question.duration_s,
        refused=_why(explained.refused),
        parties=_parties(explained.parties, explained.asked),
    )


def decision_out(explained: ExplainedCall) -> DecisionOut:
    verdict = explained.verdict
    parties = [each.party for each in explained.parties]
    return DecisionOut(
        admitted=isinstance(verdict, Admitted),
        reason=None if isinstance(verdict, Admitted) else verdict.reason.value,
        detail=None if isinstance(verdict, Admitted) else verdict.detail,
        sip_status=None if isinstance(verdict, Admitted) else SIGNALS[verdict.reason].sip_status,
        granted_s=verdict.granted_s if isinstance(verdict, Admitted) else None,
        account=explained.account.name if explained.account else None,
        phone=explained.phone.number if explained.phone else None,
        trace=[StepOut(step=s, verdict=v, detail=d) for s, v, d in explained.trace],
        parties=_parties(parties, explained.asked) if explained.asked else [],
        vendors=[VendorOut.model_validate(attempt) for attempt in explained.attempts],
    )


def coverage_out(state: CoverageState, limit: int) -> CoverageOut:
    report = state.report
    return CoverageOut(
        is_running=state.is_running,
        failure=state.failure,
        at=report.when if report else None,
        is_complete=report.is_complete if report else None,
        routes=report.routes if report else None,
        rates=report.rates if report else None,
        not_compared=list(report.by_sent_number) if report else [],
        gaps=[_gaps(kind, gaps, limit) for kind, gaps in report.gaps.items()] if report else [],
    )


def _gaps(kind: str, gaps: Gaps, limit: int) -> GapsOut:
    items = [_gap(gap) for gap in gaps.listed[:limit]]
    return GapsOut(kind=str(kind), count=gaps.count, items=items)


def _gap(gap: FoundGap) -> GapOut:
    return GapOut.model_validate(gap)


def _parties(parties: Iterable[Party], asked: Asked) -> list[PartyOut]:
    return [
        PartyOut(
            account=party.account.name,
            role="customer" if party.is_customer else "agent",
            refused=_why(party.refused),
            bill=_bill(party.bill) if party.bill else None,
            candidates=[_candidate(candidate) for candidate in party.candidates],
            words=list(party_words(party, asked)),
        )
        for party in parties
    ]


def _bill(explained: ExplainedBill) -> BillOut:
    owed, charge = explained.bill, explained.bill.charge
    held = explained.spans[0].price if explained.spans else owed.pricing.at(0)
    return BillOut(
        net=charge.net,
        tax=charge.tax,
        gross=charge.gross,
        gift=owed.gift,
        due=owed.due,
        currency=owed.pricing.terms.currency,
        prefix=held.prefix,
        billed_s=charge.billed_s,
        rated_s=owed.rated_s,
        free_s=owed.offset_s,
        exact=str(explained.exact),
        lines=[
            ChargeLineOut(
                text=line.text,
                start_s=line.start_s,
                billed_s=line.billed_s,
                amount=str(line.amount),
                words=line.words,
            )
            for line in explained.lines
        ],
    )


def _candidate(candidate: Candidate) -> CandidateOut:
    pricing = candidate.pricing
    return CandidateOut(
        source=candidate.source,
        rate_group=candidate.group,
        prefix=pricing.prefix if pricing else None,
        tiers=str(pricing.tariff) if pricing else None,
        price=candidate.charge.gross if candidate.charge else None,
        verdict=candidate.outcome.value,
        why=candidate.why,
    )


def _why(refused: Refused | None) -> str | None:
    if refused is None:
        return None
    return f"{refused.reason.value}: {refused.detail}" if refused.detail else refused.reason.value
