"""How explanations look: JSON for scripts, words and tables for people."""

import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import click

from controller.cli.output import printable, show_json, show_table
from controller.domain.admission import Admitted
from controller.domain.money import MAX_DECIMALS, Rounding, plain, round_ratio
from controller.domain.reasons import SIGNALS
from controller.domain.tariff import Line, Pricing
from controller.services.explain import MINUTE_S, ExplainedAttempt, ExplainedCall
from controller.services.explain_rate import PricedDuration

Reply = dict[str, Any]


def show_rate(priced: PricedDuration, as_json: bool) -> None:
    """JSON unless a person is looking: this is the command that others script against."""
    reply = _rate_as_json(priced)
    if as_json or not sys.stdout.isatty():
        show_json(reply)
        return
    click.secho(f"{plain(reply['gross'])} {reply['currency'] or ''}".strip(), bold=True)
    rows = [(line["text"], line["billed_s"], line["amount"]) for line in reply["lines"]]
    show_table(("tier", ">billed s", ">exact"), rows)
    show_table(
        ("", ">"), [(name, reply[name]) for name in _SUMMARY if reply[name] not in (None, "")]
    )


_SUMMARY = (
    "prefix",
    "tiers",
    "duration_s",
    "billed_s",
    "exact",
    "decimals",
    "rounding",
    "net",
    "tax_percent",
    "tax",
    "gross",
)


def _rate_as_json(priced: PricedDuration) -> Reply:
    pricing, charge = priced.pricing, priced.charge
    return {
        "net": charge.net,
        "tax": charge.tax,
        "gross": charge.gross,
        "billed_s": charge.billed_s,
        "prefix": pricing.prefix,
        "lines": [_line(line) for line in priced.lines],
        "exact": str(Fraction(*priced.exact)),
        "currency": pricing.terms.currency or None,
        "decimals": pricing.terms.decimals,
        "rounding": pricing.terms.rounding.value,
        "tax_percent": pricing.tax_percent,
        "tiers": str(pricing.tariff),
        "duration_s": priced.duration_s,
    }


def _line(line: Line) -> Reply:
    """`amount` is shown to the ledger's last digit, `exact` is the whole truth."""
    shown = round_ratio(line.numerator, line.denominator, MAX_DECIMALS, Rounding.HALF_UP)
    return {
        "text": line.text,
        "start_s": line.start_s if line.start_s >= 0 else None,
        "billed_s": line.billed_s,
        "amount": shown,
        "exact": str(Fraction(line.numerator, line.denominator)),
    }


def call_as_json(explained: ExplainedCall, duration_s: int | None) -> Reply:
    question, decision = explained.question, explained.authorized
    return {
        **_verdict(explained),
        "at": question.when,
        "source": f"{question.source_ip}:{question.source_port}",
        "gateway": explained.gateway.name if explained.gateway else None,
        "account": explained.account.name if explained.account else None,
        "caller": {"received": question.caller, "rated": decision.caller if decision else None},
        "callee": {"received": question.callee, "rated": decision.callee if decision else None},
        "trace": [
            {"step": step, "verdict": verdict, "detail": detail}
            for step, verdict, detail in explained.trace
        ],
        "price": _price(decision.sale, duration_s) if decision else None,
        "price_candidates": [
            {"prefix": c.prefix, "tiers": c.tiers, "area": c.area, "verdict": c.verdict}
            for c in explained.candidates
        ],
        "max_duration_s": decision.max_duration_s if decision else None,
        "money": _money(explained),
        "attempts": [_attempt(explained, a, duration_s) for a in explained.attempts if a.number],
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
            "reserved": verdict.reserved,
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


def _money(explained: ExplainedCall) -> Reply | None:
    funds, account = explained.funds, explained.account
    if funds is None or account is None:
        return None
    return {
        "currency": account.currency,
        "balance": funds.balance,
        "overdraft_limit": funds.overdraft_limit,
        "reserved": funds.reserved,
        "available": funds.available,
        "lines": funds.lines,
        "capacity": funds.capacity,
    }


def _price(sale: Pricing, duration_s: int | None) -> Reply:
    return {
        "prefix": sale.prefix,
        "tiers": str(sale.tariff),
        "tax_percent": sale.tax_percent,
        "currency": sale.terms.currency,
        "per_minute": _charge(sale, MINUTE_S),
        "for_duration": _charge(sale, duration_s) if duration_s is not None else None,
    }


def _charge(pricing: Pricing, duration_s: int) -> Reply:
    charge = pricing.charge(duration_s)
    return {
        "duration_s": duration_s,
        "billed_s": charge.billed_s,
        "net": charge.net,
        "tax": charge.tax,
        "gross": charge.gross,
    }


def _attempt(explained: ExplainedCall, attempt: ExplainedAttempt, duration_s: int | None) -> Reply:
    def figures(seconds: int | None) -> Reply | None:
        if seconds is None or explained.authorized is None:
            return None
        cost = attempt.cost.charge(seconds).gross
        margin = attempt.margin(explained.authorized.sale, seconds)
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
        "for_duration": figures(duration_s),
        "lines_used": attempt.lines_used,
        "lines_capacity": attempt.lines_capacity,
    }


def show_call(explained: ExplainedCall, duration_s: int | None) -> None:
    reply = call_as_json(explained, duration_s)
    _show_verdict(reply)
    show_table(
        ("step", "verdict", "detail"),
        [(s["step"], s["verdict"], s["detail"]) for s in reply["trace"]],
        "How it was decided",
    )
    show_table(
        ("prefix", "tiers", "area", "verdict"),
        [(c["prefix"], c["tiers"], c["area"], c["verdict"]) for c in reply["price_candidates"]],
        "Prices that match",
    )
    _show_attempts(reply, duration_s)
    show_table(
        ("gateway", "why"), [(a["gateway"], a["why"]) for a in reply["not_tried"]], "Not tried"
    )


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


def _show_attempts(reply: Reply, duration_s: int | None) -> None:
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
        columns += [f">cost {duration_s} s", f">margin {duration_s} s"]
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
    title = f"Price, prefix {price['prefix']}, {price['currency']}"
    show_table(("of", ">billed s", ">net", ">tax", ">gross"), rows, title)


def _amount(amount: Decimal | None, currency: str) -> str:
    """No margin is shown between currencies."""
    return "-" if amount is None else f"{plain(amount)} {currency}".strip()
