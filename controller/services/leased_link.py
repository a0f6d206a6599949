"""A switch's link whose commands pass only while the lease surely holds (docs/adr/0013).

Between the call service and the driver. A process that stood still and wakes up finds here, by
its own clock, that its time is over, before it has asked anybody.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from controller.domain.events import LiveChannels
from controller.domain.plan import Connect, Plan, Refuse
from controller.domain.reasons import Reason
from controller.services.ports import SwitchLink

log = logging.getLogger(__name__)


class CommandRights(Protocol):
    """What an owner may do now."""

    def may_command(self) -> bool: ...

    def may_refuse(self) -> bool: ...


class LeasedLink:
    """Implements `SwitchLink`. What it withholds, nobody does in its place: the
    switch's own fail-safe and timers hold, and the next owner arms what is missing."""

    def __init__(
        self,
        link: SwitchLink,
        rights: CommandRights,
        withheld: Callable[[], None],
        epoch: int,
        seen_epoch: Callable[[], Awaitable[int | None]],
    ) -> None:
        """`seen_epoch` asks the switch for the epoch of the last owner that left word there."""
        self._link = link
        self._rights = rights
        self._withheld = withheld
        self._epoch = epoch
        self._seen_epoch = seen_epoch
        self._asking: set[asyncio.Future[None]] = set()
        self.switch_id = link.switch_id

    def send_plan(self, plan: Plan) -> None:
        may_command, may_refuse = self._rights.may_command(), self._rights.may_refuse()
        if isinstance(plan, Connect) and may_refuse and not may_command:
            self._asking.add(task := asyncio.ensure_future(self._send_if_ours(plan)))
            task.add_done_callback(self._asking.discard)
            return
        allowed = may_refuse if isinstance(plan, Refuse) else may_command
        if self._allowed(allowed, plan.call_id, "plan"):
            self._link.send_plan(plan)

    async def _send_if_ours(self, plan: Connect) -> None:
        """The database cannot be asked whose the switch is, or is just back and was not yet.

        The switch can: each owner leaves its epoch there before its first command
        (docs/adr/0021). No answer is none of ours.
        """
        seen = await self._seen_epoch()
        ours = seen == self._epoch and self._rights.may_refuse()
        if self._allowed(ours, plan.call_id, "plan"):
            self._link.send_plan(plan)

    def arm_timer(self, call_id: str, granted_s: int, replaced_s: int, seconds: int) -> None:
        if self._allowed(self._rights.may_command(), call_id, "timer"):
            self._link.arm_timer(call_id, granted_s, replaced_s, seconds)

    def name_ending(self, call_id: str, reason: Reason) -> None:
        if self._allowed(self._rights.may_command(), call_id, "reason"):
            self._link.name_ending(call_id, reason)

    def hang_up(self, call_id: str, reason: Reason) -> None:
        if self._allowed(self._rights.may_command(), call_id, "hang-up"):
            self._link.hang_up(call_id, reason)

    async def live_channels(self) -> LiveChannels:
        """Asking does no harm."""
        return await self._link.live_channels()

    def _allowed(self, allowed: bool, call_id: str, what: str) -> bool:
        if not allowed:
            self._withheld()
            log.warning("command withheld", extra={"call_id": call_id, "what": what})
        return allowed
