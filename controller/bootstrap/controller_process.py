"""The controller as a process: it owns its switch, or stands by until it can."""

import asyncio
import logging
import signal

from controller import telemetry
from controller.bootstrap.foundations import database_url, engine
from controller.bootstrap.process_identity import elapsed_s, is_dead, own_identity
from controller.bootstrap.tenure import SwitchTenure
from controller.config import Settings
from controller.domain.lease import Lease, LeaseTerms
from controller.persistence.config_reader import ConfigurationWatcher
from controller.persistence.database import driver_url
from controller.persistence.lease_store import PostgresLeaseStore
from controller.persistence.rate_loader import RateGroups
from controller.services.ownership import Ownership

log = logging.getLogger(__name__)


class ControllerProcess:
    """Implements `services.ownership.Tenure`: a new `SwitchTenure` for each time of owning."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = driver_url(database_url(settings))
        rates = RateGroups(settings.data_dir / "rate_index")
        self._watcher = ConfigurationWatcher(engine(settings), self._url, rates)
        terms = LeaseTerms(settings.lease_renew_s, settings.lease_lapse_s)
        self._leases = PostgresLeaseStore(self._url, settings.switch_id, terms.attempt_s)
        self._me = own_identity()
        self._ownership = Ownership(
            self._leases,
            settings.switch_id,
            self._me,
            terms,
            self,
            telemetry.PrometheusLeases(),
            elapsed_s=elapsed_s,
            is_dead=is_dead,
        )
        self._tenure: SwitchTenure | None = None
        self._owning: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Claim the switch; the work goes on until `stop`."""
        self._watcher.start()
        log.info(
            "controller started",
            extra={"switch": self._settings.switch_id, "owner": str(self._me)},
        )
        self._owning = asyncio.get_running_loop().create_task(self._ownership.run())

    async def stop(self) -> None:
        """Let calls go on at the switch, commit what waits, then give the switch back."""
        if self._owning is not None:
            self._owning.cancel()
            await asyncio.gather(self._owning, return_exceptions=True)
        if self._tenure is not None:
            await self._tenure.finish()
        await self._ownership.release()
        self._leases.close()
        self._watcher.stop()

    # -- Tenure ---------------------------------------------------------------------------

    async def begin(self, lease: Lease) -> None:
        self._tenure = SwitchTenure(
            self._settings,
            self._url,
            self._watcher,
            lease,
            self._ownership,
            self._ownership.fenced,
        )
        self._tenure.start()

    async def drop(self) -> None:
        if self._tenure is not None:
            tenure, self._tenure = self._tenure, None
            await tenure.drop()

    def regained(self) -> None:
        if self._tenure is not None:
            self._tenure.regained()

    async def superseded(self) -> bool:
        return self._tenure is not None and await self._tenure.superseded()


async def run_controller(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    process = await asyncio.to_thread(ControllerProcess, settings)
    _serve_metrics(settings.metrics_port)
    process.start()
    await stop.wait()
    await process.stop()


def _serve_metrics(port: int) -> None:
    """A standby that was given the owner's port must not fail for that."""
    if not port:
        return
    try:
        telemetry.serve_metrics(port)
    except OSError as error:
        log.error("metrics not served", extra={"port": port, "why": str(error)})
