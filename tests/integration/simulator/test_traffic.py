"""The world and its traffic: repeatable by seed, as the profile says, within a vendor's means."""

import asyncio
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from controller.drivers.simulator import (
    Distribution,
    Downtime,
    Failure,
    NumberRange,
    Shape,
    TrafficProfile,
    Trunk,
    VendorBehavior,
    World,
    answers,
    generate,
)
from controller.drivers.simulator.dice import Dice
from controller.drivers.simulator.draws import draw_leg, draw_seconds, pick
from controller.drivers.simulator.world_file import WorldFileError, parse_world, read_world
from tests.integration.simulator.client import Event, in_loop, running

PLAN = (
    "m:~:bridge:[^^;tollgate_attempt=1]sofia/trunks/1@127.0.0.1:5081"
    "|[^^;tollgate_attempt=2]sofia/trunks/1@127.0.0.1:5082"
)
BUSY_WORLD = World(
    trunks=(
        Trunk("one", "192.0.2.10", 5070, weight=3),
        Trunk("two", "192.0.2.11", callees=(NumberRange("39", 12), NumberRange("3933", 12, 2))),
    ),
    vendors={
        "127.0.0.1:5081": VendorBehavior(0.5, (Failure(503),), no_answer_weight=0),
        "127.0.0.1:5082": VendorBehavior(0.9, (Failure(404),), no_answer_weight=0),
    },
)


async def _fates(seed: int, calls: int = 40) -> list[tuple[Any, ...]]:
    """What became of each call, in the order of their arrival."""
    profile = TrafficProfile(400.0, calls=calls, ring=Distribution(2.0), even=True)
    async with running(
        BUSY_WORLD, "event json CHANNEL_HANGUP_COMPLETE CHANNEL_PARK", speed=200.0, seed=seed
    ) as here:
        here.answer_parks(PLAN)
        here.simulator.start_traffic(profile)
        await here.events.wait_for(lambda client: len(_callers_ends(client.events)) == calls, 50)
        events = here.events.events
    order = [event["Unique-ID"] for event in events if event["Event-Name"] == "CHANNEL_PARK"]
    ends = {event["Unique-ID"]: _fate(event) for event in _callers_ends(events)}
    return [ends[uuid] for uuid in order]


def _callers_ends(events: list[Event]) -> list[Event]:
    return [
        event
        for event in events
        if event["Event-Name"] == "CHANNEL_HANGUP_COMPLETE" and event["Call-Direction"] == "inbound"
    ]


def _fate(event: Event) -> tuple[Any, ...]:
    read = (
        "Unique-ID",
        "variable_sip_network_ip",
        "variable_sip_from_user",
        "variable_sip_req_user",
        "variable_hangup_cause",
        "variable_sip_hangup_disposition",
        "variable_billusec",
        "variable_originate_causes",
    )
    return tuple(str(event.get(name)) for name in read)


@in_loop
async def test_the_same_seed_gives_the_same_calls() -> None:
    first, again, other = await _fates(11), await _fates(11), await _fates(12)
    assert first == again
    assert not {fate[0] for fate in first} & {fate[0] for fate in other}
    assert {fate[4] for fate in first} >= {"NORMAL_CLEARING", "UNALLOCATED_NUMBER"}


def test_the_generator_is_pure_and_repeatable() -> None:
    profile = TrafficProfile(10.0)
    first = list(itertools.islice(generate(profile, BUSY_WORLD, Dice(5)), 500))
    again = list(itertools.islice(generate(profile, BUSY_WORLD, Dice(5)), 500))
    assert [(c.gap_s, c.script) for c in first] == [(c.gap_s, c.script) for c in again]
    mean_gap_s = sum(call.gap_s for call in first) / 500
    assert 0.08 < mean_gap_s < 0.12
    sources = Counter(call.script.source_ip for call in first)
    assert 2.0 < sources["192.0.2.10"] / sources["192.0.2.11"] < 4.5
    ours = [call.script.callee for call in first if call.script.source_ip == "192.0.2.11"]
    assert all(number.startswith("39") and len(number) == 12 for number in ours)


def test_a_profile_may_end() -> None:
    assert len(list(generate(TrafficProfile(1.0, calls=7), World(), Dice(1)))) == 7


@pytest.mark.parametrize("shape", list(Shape))
def test_distributions_keep_their_mean_and_bounds(shape: Shape) -> None:
    distribution = Distribution(10.0, shape, 0.5 if shape is Shape.LOGNORMAL else 4.0)
    dice = Dice(3)
    drawn = [draw_seconds(distribution, dice) for _ in range(5_000)]
    assert 9.4 < sum(drawn) / len(drawn) < 10.6
    bounded = Distribution(10.0, shape, 4.0, minimum_s=8.0, maximum_s=9.0)
    assert all(8.0 <= draw_seconds(bounded, dice) <= 9.0 for _ in range(200))


def test_vendors_keep_their_ratios() -> None:
    vendor = VendorBehavior(0.3, (Failure(486, 3), Failure(503, 1)), no_answer_weight=4)
    dice = Dice(9)
    legs = [draw_leg(vendor, None, dice) for _ in range(4_000)]
    answered = sum(leg.answer_after_s is not None for leg in legs) / len(legs)
    statuses = Counter(leg.status for leg in legs if leg.answer_after_s is None)
    assert 0.27 < answered < 0.33
    assert 2.3 < statuses[486] / statuses[503] < 3.8
    assert 0.85 < statuses[0] / (statuses[486] + statuses[503]) < 1.15
    profile = TrafficProfile(1.0, answer_ratio=1.0, talk=Distribution(7.0))
    certain = [draw_leg(vendor, profile, dice) for _ in range(50)]
    assert {leg.talk_s for leg in certain} == {7.0}


def test_dice_are_the_published_generator() -> None:
    """SplitMix64's own reference values for seed 1234567."""
    dice = Dice(1234567)
    assert [dice.bits() for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]
    assert pick([1.0], Dice(1)) == 0
    uuids = {Dice(seed).uuid() for seed in range(100)}
    assert len(uuids) == 100
    assert all(uuid[14] == "4" and uuid[19] in "89ab" for uuid in uuids)


def test_streams_of_their_own() -> None:
    root = Dice(4)
    assert root.split(1).bits() != root.split(2).bits()
    assert root.split(1).bits() == Dice(4).split(1).bits()


@in_loop
async def test_a_vendor_refuses_beyond_its_capacity() -> None:
    vendor = VendorBehavior(1.0, capacity=2, setup=Distribution(0.1), ring=Distribution(0.1))
    async with running(World(vendors={"127.0.0.1:5081": vendor})) as here:
        here.answer_parks("bridge:sofia/trunks/1@127.0.0.1:5081")
        calls = [here.simulator.place_call("1") for _ in range(3)]
        await asyncio.sleep(0.6)
        alive = [await here.commands.api(f"uuid_exists {call.uuid}") for call in calls]
        assert sorted(alive) == ["false", "true", "true"]
        refused = calls[alive.index("false")]
        assert (await refused.ended()).sip_status == 503


@pytest.mark.parametrize(
    ("silent", "cause"), [(False, "NORMAL_TEMPORARY_FAILURE"), (True, "ALLOTTED_TIMEOUT")]
)
def test_a_vendor_has_its_downtimes(silent: bool, cause: str) -> None:
    @in_loop
    async def check() -> None:
        vendor = VendorBehavior(1.0, downtimes=(Downtime(0, 60, silent),))
        async with running(World(default_vendor=vendor), speed=20.0) as here:
            here.answer_parks("bridge:[^^;leg_timeout=3]sofia/trunks/1@127.0.0.1:5081")
            assert (await here.simulator.place_call("1").ended()).cause == cause

    check()


@in_loop
async def test_unknown_hosts_have_the_default_behavior() -> None:
    world = World(default_vendor=VendorBehavior(0.0, (Failure(604),), no_answer_weight=0))
    async with running(world, speed=20.0) as here:
        here.answer_parks("bridge:sofia/trunks/1@192.0.2.77:5060")
        assert (await here.simulator.place_call("1").ended()).sip_status == 604


@in_loop
async def test_traffic_stops_when_told() -> None:
    async with running() as here:
        source = here.simulator.start_traffic(TrafficProfile(200.0))
        await asyncio.sleep(0.2)
        here.simulator.stop_traffic()
        offered = source.offered
        await asyncio.sleep(0.1)
        assert source.offered == offered > 0


@in_loop
async def test_traffic_lasts_as_long_as_its_profile() -> None:
    async with running() as here:
        source = here.simulator.start_traffic(TrafficProfile(100.0, duration_s=0.3, even=True))
        await asyncio.sleep(0.6)
        assert source.finished
        assert 20 <= source.offered <= 30


def test_a_world_is_read_from_a_file(tmp_path: Path) -> None:
    data = {
        "trunks": [
            {
                "name": "customer",
                "source_ip": "192.0.2.1",
                "callees": [{"prefix": "39", "digits": 12, "weight": 2}],
            }
        ],
        "vendors": {
            "127.0.0.1:5081": {
                "answer_ratio": 0.7,
                "failures": [{"status": 486, "weight": 2}, {"status": 503, "q850": 34}],
                "ring": {"mean_s": 5, "shape": "exponential"},
                "talk": 30,
                "capacity": 10,
                "downtimes": [{"from_s": 5, "to_s": 9.5, "silent": True}],
            }
        },
        "default_vendor": {"answer_ratio": 0},
    }
    path = tmp_path / "world.json"
    path.write_bytes(orjson.dumps(data))
    world = read_world(path)
    vendor = world.vendor_at("127.0.0.1:5081")
    assert vendor.failures == (Failure(486, 2), Failure(503, q850=34))
    assert (vendor.talk, vendor.ring.shape) == (Distribution(30), Shape.EXPONENTIAL)
    assert vendor.downtimes == (Downtime(5, 9.5, True),)
    assert world.vendor_at("elsewhere:5060").answer_ratio == 0
    assert world.trunks[0].callees[0].weight == 2


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ([], "world: expected an object"),
        ({"vendor": {}}, "world: unknown vendor"),
        (
            {"vendors": {"h:1": {"answer_ratio": "x"}}},
            "world.vendors.h:1.answer_ratio: expected float",
        ),
        ({"vendors": {"h:1": {"talk": -1}}}, "must not be negative"),
        ({"vendors": {"h:1": {"ring": {"mean_s": 1, "shape": "square"}}}}, "square"),
        ({"trunks": [{"name": "x"}]}, "source_ip"),
        ({"trunks": {}}, "world.trunks: expected a list"),
        ({"vendors": {"h:1": {"capacity": True}}}, "expected int"),
    ],
)
def test_what_is_wrong_in_a_world_is_named(data: object, complaint: str) -> None:
    with pytest.raises(WorldFileError, match=complaint):
        parse_world(data)


@in_loop
async def test_scripts_go_before_the_world() -> None:
    world = World(default_vendor=VendorBehavior(0.0))
    async with running(world, speed=20.0) as here:
        here.answer_parks("bridge:sofia/trunks/1@127.0.0.1:5081")
        ended = await here.simulator.place_call("1", legs=[answers(talk_s=5.0)]).ended()
        assert ended.talk_us == 5_000_000
