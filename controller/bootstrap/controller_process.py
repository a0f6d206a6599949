"""The controller as a process: it owns its switch, or stands by until it can."""

import asyncio
import logging
import signal

from controller import telemetry
from controller.bootstrap.foundations import database_url, engine
from controller.bootstrap.process_identity import elapsed_s, is_dead, own_identity
from controller.bootstrap.tenure import SwitchTenure
from controller.config import Settings
from controller.domain.errors import StoreUnavailable
from controller.domain.lease import Lease, LeaseTerms
from controller.persistence.call_store import PostgresCallStore
from controller.persistence.config_reader import ConfigurationWatcher
from controller.persistence.database import driver_url
from controller.persistence.lease_store import PostgresLeaseStore
from controller.persistence.offline_log import FOLDER, FileOfflineLog
from controller.persistence.rate_loader import RateGroups
from controller.services.late_admissions import LateAdmissions
from controller.services.offline_desk import OfflineDesk
from controller.services.ownership import Ownership

log = logging.getLogger(__name__)

TELL_EVERY_S = 5.0
TELL_AGAIN_S = 0.5


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
        files = FileOfflineLog(settings.data_dir / FOLDER, self._me.token)
        self._desk = OfflineDesk(files, self._ownership.may_refuse)
        self._late_store = PostgresCallStore(self._url, application="tollgate-late")
        self._late = LateAdmissions(files, self._late_store, self._desk.learn)
        self._telling = asyncio.Lock()
        self._tenure: SwitchTenure | None = None
        self._work: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Claim the switch; the work goes on until `stop`."""
        self._watcher.start()
        log.info(
            "controller started",
            extra={"switch": self._settings.switch_id, "owner": str(self._me)},
        )
        loop = asyncio.get_running_loop()
        self._work = [loop.create_task(work) for work in (self._own(), self._keep_telling())]

    async def stop(self) -> None:
        """Let calls go on at the switch, commit what waits, then give the switch back."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        if self._tenure is not None:
            await self._tenure.finish()
        await self._ownership.release()
        self._leases.close()
        self._late_store.close()
        self._watcher.stop()

    # -- Tenure ---------------------------------------------------------------------------

    async def begin(self, lease: Lease) -> None:
        if not self._telling.locked():
            await self._tell_late()  # before any end of such a call is heard
        self._tenure = SwitchTenure(
            self._settings,
            self._url,
            self._watcher,
            lease,
            self._ownership,
            self._ownership.fenced,
            self._desk,
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

    # -- calls that were admitted without the database ------------------------------------

    async def _own(self) -> None:
        """Not before the database knows what a controller that died here has admitted."""
        while not await self._tell_late():
            await asyncio.sleep(TELL_AGAIN_S)
        await self._ownership.run()

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            await self._tell_late()

    async def _tell_late(self) -> bool:
        """Whether all that is there was told."""
        async with self._telling:
            try:
                await asyncio.to_thread(self._late.tell)
            except StoreUnavailable:
                return False
            except Exception:
                # whatever it is, it stays on disk and must not keep the switch without an owner
                log.exception("late admissions not told")
        return True


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
