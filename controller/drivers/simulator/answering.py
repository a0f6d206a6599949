"""Answering the caller's leg, from a vendor's answer or by an application."""

from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.expansion import run_api_on
from controller.drivers.simulator.instant import execute_on


def answer(channel: CallerLeg) -> None:
    """Answer, and run what was to be run on the answer. Does nothing to an answered leg."""
    if channel.ended or channel.answered_us:
        return
    if channel.cancel_timer is not None:
        channel.cancel_timer.cancel()
        channel.cancel_timer = None
    channel.mark_answered()
    execute_on(channel, "execute_on_answer")
    run_api_on(channel, "api_on_answer")
