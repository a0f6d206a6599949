"""How explanations of calls look: JSON for scripts, sentences and tables for people."""

from decimal import Decimal
from typing import Any

import click

from controller.cli.explain_view import month_as_json, party_as_json, show_candidates
from controller.cli.output import printable, show_json, show_table
from controller.domain.admission import Admitted
from controller.domain.holdings import Funds
from controller.domain.money import plain
from controller.domain.reasons import SIGNALS
from controller.services.explain import MINUTE_S, CallParty, ExplainedCall
from controller.services.explain_attempts import ExplainedAttempt
from controller.services.explain_words import party_words

Reply = dict[str, Any]


def show(explained: ExplainedCall, *, as_json: bool) -> None:
    reply = call_as_json(explained)
    if as_json:
        show_json(reply)
        return
    _show_verdict(reply)
    show_table(
        ("step", "verdict", "detail"),
        [(s["step"], s["verdict"], s["detail"]) for s in reply["trace"]],
        "How it was decided",
    )
    _show_prices(reply)
    _show_payers(reply)
    _show_attempts(reply)
    show_table(
        ("gateway", "why"), [(a["gateway"], a["why"]) for a in reply["not_tried"]], "Not tried"
    )


def call_as_json(explained: ExplainedCall) -> Reply:
    question, decision = explained.question, explained.authorized
    return {
        **_verdict(explained),
        "at": question.when,
        "source": f"{question.source_ip}:{question.source_port}",
        "gateway": explained.gateway.name if explained.gateway else None,
        "account": explained.account.name if explained.account else None,
        "phone": explained.phone.number if explained.phone else None,
        "caller": {"received": question.caller, "rated": decision.caller if decision else None},
        "callee": {"received": question.callee, "rated": decision.callee if decision else None},
        "trace": [
            {"step": step, "verdict": verdict, "detail": detail}
            for step, verdict, detail in explained.trace
        ],
        "price": _price(explained),
        "price_candidates": [
            {
                "prefix": c.prefix,
                "tiers": c.tiers,
                "area": c.area,
                "verdict": c.verdict,
                "source": c.source,
                "rate_group": c.group,
            }
            for c in explained.candidates
        ],
        "payers": [_payer(explained, payer) for payer in explained.parties],
        "month": _month(explained),
        "max_duration_s": decision.max_duration_s if decision else None,
        "money": _money(explained),
        "attempts": [_attempt(explained, a) for a in explained.attempts if a.number],
        "not_tried": [
            {"gateway": a.gateway, "why": a.why_not} for a in explained.attempts if not a.number
        ],
    }


def _verdict(explained: ExplainedCall) -> Reply:
    verdict = explained.verdict
    if isinstance(verdict, Admitted):
        return {
            "verdict": "admitted",
            "granted_s": verdict.granted_s,
            "reserved": verdict.held.payers[0].money,
        }
    signal = SIGNALS[verdict.reason]
    return {
        "verdict": "refused",
        "reason": verdict.reason.value,
        "detail": verdict.detail,
        "text": signal.text,
        "sip_status": signal.sip_status,
        "sip_phrase": signal.sip_phrase,
        "q850": signal.q850,
    }


def _payer(explained: ExplainedCall, payer: CallParty) -> Reply:
    """A party with its prices for the duration that was asked, its money, and what is held."""
    words = party_words(payer.party, explained.asked) if explained.asked else ()
    return {
        **party_as_json(payer.party, words),
        "money": _funds(payer.party.account.currency, payer.funds),
        "reserved": payer.reserved,
        "held_free_s": sum(benefit.free_s for benefit in payer.benefits),
        "held_gift": sum((benefit.gift for benefit in payer.benefits), Decimal(0)),
        "benefits": [
            {"package": benefit.package, "free_s": benefit.free_s, "gift": benefit.gift}
            for benefit in payer.benefits
        ],
    }


def _month(explained: ExplainedCall) -> Reply | None:
    if explained.month is None:
        return None
    return {**month_as_json(explained.month), "held": explained.month_held}


def _money(explained: ExplainedCall) -> Reply | None:
    if explained.authorized is None or explained.account is None:
        return None
    return _funds(explained.account.currency, explained.funds)


def _funds(currency: str, funds: Funds | None) -> Reply | None:
    if funds is None:
        return None
    return {
        "currency": currency,
        "balance": funds.balance,
        "overdraft_limit": funds.overdraft_limit,
        "reserved": funds.reserved,
        "available": funds.available,
        "lines": funds.lines,
        "capacity": funds.capacity,
    }


def _price(explained: ExplainedCall) -> Reply | None:
    """The price that holds for the duration that was asked about, or else for a minute."""
    duration_s = explained.question.duration_s
    sale = explained.price(duration_s or MINUTE_S)
    if sale is None:
        return None
    return {
        "source": sale.source,
        "rate_group": sale.group,
        "prefix": sale.prefix,
        "tiers": str(sale.tariff),
        "tax_percent": sale.tax_percent,
        "currency": sale.terms.currency,
        "per_minute": _charge(explained, MINUTE_S),
        "for_duration": _charge(explained, duration_s) if duration_s is not None else None,
    }


def _charge(explained: ExplainedCall, duration_s: int) -> Reply | None:
    pricing = explained.price(duration_s)
    if pricing is None:
        return None
    charge = pricing.charge(duration_s, _answered_s(explained))
    return {
        "duration_s": duration_s,
        "billed_s": charge.billed_s,
        "net": charge.net,
        "tax": charge.tax,
        "gross": charge.gross,
    }


def _answered_s(explained: ExplainedCall) -> int:
    """As if the call were answered at once."""
    return int(explained.question.when.timestamp())


def _attempt(explained: ExplainedCall, attempt: ExplainedAttempt) -> Reply:
    answered_s = _answered_s(explained)

    def figures(seconds: int | None) -> Reply | None:
        sale = explained.income(seconds) if seconds is not None else None
        if seconds is None or sale is None:
            return None
        cost = attempt.cost.charge(seconds, answered_s).gross
        margin = attempt.margin(sale, seconds, answered_s)
        return {"duration_s": seconds, "cost": cost, "margin": margin}

    return {
        "number": attempt.number,
        "gateway": attempt.gateway,
        "host": attempt.address,
        "caller": attempt.caller,
        "callee": attempt.callee,
        "cost_prefix": attempt.cost.prefix,
        "cost_tiers": str(attempt.cost.tariff),
        "currency": attempt.cost.terms.currency,
        "per_minute": figures(MINUTE_S),
        "for_duration": figures(explained.question.duration_s),
        "lines_used": attempt.lines_used,
        "lines_capacity": attempt.lines_capacity,
    }


def _show_verdict(reply: Reply) -> None:
    if reply["verdict"] == "admitted":
        click.secho("admitted", fg="green", bold=True, nl=False)
        money = reply["money"]
        click.echo(
            f": {reply['granted_s']} s granted, {plain(reply['reserved'])} {money['currency']}"
            f" reserved of {plain(money['available'])} available"
        )
    else:
        click.secho(f"refused: {reply['reason']}", fg="red", bold=True, nl=False)
        detail = f" ({printable(reply['detail'])})" if reply["detail"] else ""
        click.echo(f": {reply['text']}{detail}")
        click.echo(f"SIP {reply['sip_status']} {reply['sip_phrase']}, Q.850 cause {reply['q850']}")
    who = f"{reply['gateway'] or 'nobody'} ({reply['source']})"
    called = printable(f"{reply['caller']['received']} -> {reply['callee']['received']}")
    click.echo(f"{called} from {who} at {printable(reply['at'])}")
    if reply["phone"]:
        click.echo(f"billed to phone {printable(reply['phone'])}")


def _show_prices(reply: Reply) -> None:
    """Each payer's candidates; a customer alone needs no name."""
    payers = reply["payers"]
    for payer in payers:
        if len(payers) > 1 or payer["refused"]:
            click.secho(f"\n{payer['role'].capitalize()} {printable(payer['account'])}", bold=True)
        show_candidates(payer["candidates"])


def _show_payers(reply: Reply) -> None:
    """What is held of whom, where that is more than the customer's money."""
    payers = [payer for payer in reply["payers"] if payer["reserved"] is not None]
    if len(payers) > 1 or any(payer["benefits"] for payer in payers):
        rows = [
            (
                f"{payer['role']} {payer['account']}",
                f"{plain(payer['reserved'])} {payer['money']['currency']}",
                plain(payer["money"]["available"]),
                payer["held_free_s"] or "-",
                plain(payer["held_gift"]) if payer["held_gift"] else "-",
            )
            for payer in payers
        ]
        columns = ("payer", ">reserved", ">available", ">free s", ">gift money")
        show_table(columns, rows, "Held for the call")
    month = reply["month"]
    if month is not None:
        held = [plain(month[name]) for name in ("maximum", "consumed", "reserved", "held")]
        heads = (">maximum", ">spent", ">held for others", ">held for this call")
        show_table(heads, [held], f"Month of phone {month['phone']}")


def _show_attempts(reply: Reply) -> None:
    duration_s = reply["price"]["for_duration"] if reply["price"] else None
    columns = [
        ">#",
        "gateway",
        "host",
        "caller",
        "callee",
        "cost prefix",
        ">cost/min",
        ">margin/min",
    ]
    if duration_s is not None:
        seconds = duration_s["duration_s"]
        columns += [f">cost {seconds} s", f">margin {seconds} s"]
    rows = []
    for a in reply["attempts"]:
        row = [a["number"], a["gateway"], a["host"], a["caller"] or "-", a["callee"]]
        row.append(a["cost_prefix"])
        for figures in (a["per_minute"], a["for_duration"]):
            if figures is not None:
                row += [_amount(figures["cost"], a["currency"]), _amount(figures["margin"], "")]
        rows.append(row)
    show_table(columns, rows, "Attempts in order")
    if reply["price"]:
        _show_price(reply["price"])


def _show_price(price: Reply) -> None:
    rows = [
        (f"{c['duration_s']} s", c["billed_s"], c["net"], c["tax"], c["gross"])
        for c in (price["per_minute"], price["for_duration"])
        if c is not None
    ]
    title = f"Price, {price['rate_group']}, prefix {price['prefix']}, {price['currency']}"
    show_table(("of", ">billed s", ">net", ">tax", ">gross"), rows, title)


def _amount(amount: Decimal | None, currency: str) -> str:
    """No margin is shown between currencies."""
    return "-" if amount is None else f"{plain(amount)} {currency}".strip()
