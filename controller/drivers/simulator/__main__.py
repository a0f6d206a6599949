"""`python -m controller.drivers.simulator`: the simulator as a process of its own.

Standard output gets one line, `ready HOST:PORT`, once clients may connect. The log goes to
standard error, one JSON object a line. SIGTERM and SIGINT end it cleanly.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from controller.drivers.simulator.config import SimulatorConfig
from controller.drivers.simulator.simulator import Simulator
from controller.drivers.simulator.world import Distribution, Shape, TrafficProfile, World
from controller.drivers.simulator.world_file import WorldFileError, read_traffic, read_world

_log = logging.getLogger("controller.drivers.simulator")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_PASSWORD_VARIABLE = "TOLLGATE_SIMULATOR_PASSWORD"  # noqa: S105 - the variable's name
_REPORT_INTERVAL_S = 10.0


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": self.formatTime(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line.update({k: v for k, v in vars(record).items() if k not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; the exit status."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    options = _parse(arguments)
    try:
        world = read_world(options.world) if options.world else World()
        profile = _profile(options)
    except (WorldFileError, OSError) as error:
        _log.error("bad world", extra={"error": str(error)})
        return 2
    try:
        asyncio.run(_run(_config(options), world, profile))
    except OSError as error:
        _log.error("cannot listen", extra={"error": str(error)})
        return 1
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8021, help="0 takes a free one")
    parser.add_argument("--password", help=f"default: the environment's {_PASSWORD_VARIABLE}")
    parser.add_argument("--world", type=Path, metavar="FILE", help="customers and vendors, JSON")
    parser.add_argument("--traffic", type=Path, metavar="FILE", help="a traffic profile, JSON")
    parser.add_argument("--cps", type=float, default=0.0, help="calls per second; 0 places none")
    parser.add_argument("--calls", type=int, default=0, help="stop offering after so many")
    parser.add_argument("--asr", type=float, help="share of calls that are answered, 0 to 1")
    parser.add_argument("--talk", type=float, help="mean talk time, seconds")
    parser.add_argument("--ring", type=float, help="mean ring time, seconds")
    parser.add_argument("--seed", type=int, help="same seed, same calls")
    parser.add_argument("--speed", type=float, default=1.0, help="virtual seconds per second")
    parser.add_argument("--spool", type=Path, metavar="DIR", help="write JSON call records here")
    parser.add_argument("--sip-address", default="127.0.0.1:5060", help="shown in events")
    parser.add_argument("--name", default="simulator", help="the switch's name")
    parser.add_argument("--heartbeat", type=float, default=5.0, help="seconds; 0 is never")
    return parser.parse_args(arguments)


def _config(options: argparse.Namespace) -> SimulatorConfig:
    config = SimulatorConfig()
    ip, _, sip_port = options.sip_address.partition(":")
    return replace(
        config,
        host=options.host,
        port=options.port,
        password=options.password or os.environ.get(_PASSWORD_VARIABLE) or config.password,
        seed=options.seed,
        speed=options.speed,
        switch_name=options.name,
        sip_ip=ip,
        sip_port=int(sip_port or 5060),
        spool_directory=options.spool,
        heartbeat_interval_s=options.heartbeat,
    )


def _profile(options: argparse.Namespace) -> TrafficProfile | None:
    if options.traffic is not None:
        return read_traffic(options.traffic)
    if options.cps <= 0:
        return None
    return TrafficProfile(
        calls_per_second=options.cps,
        calls=options.calls,
        answer_ratio=options.asr,
        talk=_exponential(options.talk),
        ring=_exponential(options.ring),
    )


def _exponential(mean_s: float | None) -> Distribution | None:
    return None if mean_s is None else Distribution(mean_s, Shape.EXPONENTIAL)


def _relax_garbage_collector() -> None:
    """Ended calls are freed without it; looking at all live ones often would cost a quarter."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


async def _run(config: SimulatorConfig, world: World, profile: TrafficProfile | None) -> None:
    simulator = Simulator(config, world)
    port = await simulator.start()
    _relax_garbage_collector()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    sys.stdout.write(f"ready {config.host}:{port}\n")
    sys.stdout.flush()
    _log.info("listening", extra={"port": port, "seed": simulator.switch.core.seed})
    if profile is not None:
        await _until_heard(stopping, simulator)
        simulator.start_traffic(profile)
    await _report_until(stopping, simulator)
    await simulator.stop()
    _log.info("stopped", extra=_figures(simulator))


async def _until_heard(stopping: asyncio.Event, simulator: Simulator) -> None:
    """Nobody calls before a controller listens: such calls would only meet the fail-safe."""
    while not simulator.heard("CHANNEL_PARK") and not stopping.is_set():
        await asyncio.sleep(0.05)


async def _report_until(stopping: asyncio.Event, simulator: Simulator) -> None:
    while not stopping.is_set():
        try:
            await asyncio.wait_for(stopping.wait(), _REPORT_INTERVAL_S)
        except TimeoutError:
            _log.info("traffic", extra=_figures(simulator))


def _figures(simulator: Simulator) -> dict[str, object]:
    counters = simulator.counters
    return {
        "offered": counters.calls_offered,
        "refused": counters.calls_refused,
        "answered": counters.calls_answered,
        "ended": counters.calls_ended,
        "live": simulator.live_calls,
        "events_dropped": counters.events_dropped,
    }


if __name__ == "__main__":
    sys.exit(main())
