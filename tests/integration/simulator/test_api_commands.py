"""Api commands: the texts that the real switch answers with."""

import asyncio

import orjson
import pytest

from controller.drivers.simulator import answers, rings
from tests.integration.simulator.client import in_loop, running

NOBODY = "00000000-0000-4000-8000-000000000000"

NO_CHANNEL = "-ERR No such channel!\n"

REPLIES = [
    ("no_such_command a b", "-ERR no_such_command Command not found!\n"),
    ("echo a b", "a b"),
    ("echo", "-ERR no reply\n"),
    ("global_getvar no_such_variable", "-ERR no reply\n"),
    ("global_setvar", "-USAGE: <var>=<value> [=<value2>]\n"),
    ("global_setvar =b", "-USAGE: <var>=<value> [=<value2>]\n"),
    ("global_setvar a=1", "+OK"),
    ("uuid_exists", "false"),
    (f"uuid_exists {NOBODY}", "false"),
    ("uuid_kill", "-USAGE: <uuid> [cause]\n"),
    (f"uuid_kill {NOBODY}", NO_CHANNEL),
    ("uuid_getvar", "-USAGE: <uuid> <var>\n"),
    (f"uuid_getvar {NOBODY} a", NO_CHANNEL),
    ("uuid_setvar", "-USAGE: <uuid> <var> [value]\n"),
    (f"uuid_setvar {NOBODY} a b", NO_CHANNEL),
    (
        "uuid_transfer",
        "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n",
    ),
    (f"uuid_transfer {NOBODY} 'm:~:hangup:' inline", NO_CHANNEL),
    ("uuid_dump", "-USAGE: <uuid> [format]\n"),
    (f"uuid_dump {NOBODY} json", NO_CHANNEL),
    ("uuid_answer", "-ERROR\n"),
    (f"uuid_park {NOBODY}", NO_CHANNEL),
    (
        "sched_api",
        "-ERR Invalid syntax. USAGE: [+@]<time> <group_name> <command_string>[&]\n",
    ),
    ("sched_api +1 group echo hi", "+OK Added: 1\n"),
    ("sched_del no_such_group", "+OK Deleted: 0\n"),
    ("sched_del 9999", "+OK Deleted: 0\n"),
    ("sched_hangup", "-USAGE: [+]<time> <uuid> [<cause>]\n"),
    (f"sched_hangup +1 {NOBODY} ALLOTTED_TIMEOUT", NO_CHANNEL),
    (
        "sched_transfer",
        "-USAGE: [+]<time> <uuid> <extension> [<dialplan>] [<context>]\n",
    ),
    ("hupall", "+OK hangup all channels with cause MANAGER_REQUEST\n"),
    (
        "hupall NORMAL_CLEARING a b",
        "+OK hangup all channels matching [a]=[b] with cause: NORMAL_CLEARING\n",
    ),
    ("show channels as json", '{"row_count": 0}\n'),
    ("show channels", "\n0 total.\n"),
    ("show channels count", "\n0 total.\n"),
    ("show calls count", "\n0 total.\n"),
    ("show channels as foo", "-ERR Cannot find format foo\n"),
    ("fsctl pause", "+OK\n"),
    ("fsctl pause_check", "false"),
    ("fsctl sps 100", "+OK sessions per second: 100\n"),
    ("fsctl max_sessions 5", "+OK max sessions: 5\n"),
    ("fsctl hupall", "+OK\n"),
    ("module_exists mod_sofia", "true"),
    ("module_exists mod_foo", "false"),
    ("reloadxml", "+OK [Success]\n"),
    ("hostname", "simulator"),
]


@pytest.mark.parametrize(("command", "reply"), REPLIES)
def test_replies(command: str, reply: str) -> None:
    """Recorded from the real switch, each on a fresh one without calls."""

    @in_loop
    async def check() -> None:
        async with running() as here:
            assert await here.commands.api(command) == reply

    check()


@in_loop
async def test_who_the_switch_is() -> None:
    async with running() as here:
        core_uuid = here.simulator.core_uuid
        assert await here.commands.api("global_getvar core_uuid") == core_uuid
        assert await here.commands.api("eval ${core_uuid}") == core_uuid
        assert (await here.commands.api("status")).startswith("UP 0 years, 0 days, 0 hours, ")
        assert (await here.commands.api("version")).startswith("FreeSWITCH Version 1.11.1")


@in_loop
async def test_global_variables_are_kept() -> None:
    """As the real switch does it: a third word is the value that is to be replaced."""
    async with running() as here:
        api = here.commands.api
        for setting, kept in (
            ("a=1", "1"),
            ("a=2=9", "1"),
            ("a=2=1", "2"),
            ("a=", "-ERR no reply\n"),
            ("a=3=", "3"),
            ("a", "-ERR no reply\n"),
        ):
            assert await api(f"global_setvar {setting}") == "+OK"
            assert await api("global_getvar a") == kept, setting


@in_loop
async def test_variables_of_a_live_call() -> None:
    async with running() as here:
        uuid = here.simulator.place_call("12025550199", caller="1000").uuid
        api = here.commands.api
        assert await api(f"uuid_exists {uuid}") == "true"
        # the hand-off sets nothing on the channel: its defaults are the switch's global variables
        assert await api(f"uuid_getvar {uuid} park_timeout") == "3:NORMAL_TEMPORARY_FAILURE"
        assert await api("global_getvar hangup_after_bridge") == "true"
        assert await api(f"uuid_getvar {uuid} no_such_variable") == "_undef_"
        assert await api(f"uuid_getvar {uuid} destination_number") == "12025550199"
        assert await api(f"uuid_getvar {uuid} caller_id_number") == "1000"
        assert await api(f"uuid_setvar {uuid} foo bar baz") == "+OK\n"
        assert await api(f"uuid_getvar {uuid} foo") == "bar baz"
        assert await api(f"uuid_setvar {uuid} foo") == "+OK\n"
        assert await api(f"uuid_getvar {uuid} foo") == "_undef_"
        assert await api(f"uuid_setvar_multi {uuid} a=1;b=2;c=") == "+OK\n"
        assert await api(f"uuid_getvar {uuid} b") == "2"


@in_loop
async def test_a_dump_shows_the_channel_in_both_forms() -> None:
    async with running() as here:
        uuid = here.simulator.place_call("12025550199").uuid
        dumped = orjson.loads(await here.commands.api(f"uuid_dump {uuid} json"))
        assert dumped["Event-Name"] == "CHANNEL_DATA"
        assert (dumped["Unique-ID"], dumped["Answer-State"]) == (uuid, "ringing")
        assert dumped["variable_current_application"] == "park"
        assert not [name for name in dumped if "hangup_after_bridge" in name]  # a global
        plain = await here.commands.api(f"uuid_dump {uuid}")
        assert plain.startswith("Event-Name: CHANNEL_DATA\n")
        assert f"\nUnique-ID: {uuid}\n" in plain


@in_loop
async def test_show_channels_and_calls_while_ringing_and_while_talking() -> None:
    async with running() as here:
        here.answer_parks("bridge:sofia/trunks/900@127.0.0.1:5081")
        call = here.simulator.place_call("12025550199", caller="1000", legs=[answers(0.3)])
        await asyncio.sleep(0.15)
        rows = orjson.loads(await here.commands.api("show channels as json"))["rows"]
        assert [(row["direction"], row["callstate"]) for row in rows] == [
            ("inbound", "RINGING"),
            ("outbound", "RINGING"),
        ]
        # A transferred caller's leg shows its plan; the number is in initial_dest.
        assert rows[0]["dest"] == "bridge:sofia/trunks/900@127.0.0.1:5081"
        assert rows[0]["initial_dest"] == "12025550199"
        assert rows[1]["call_uuid"] == call.uuid
        assert await here.commands.api("show calls count") == "\n2 total.\n"
        await here.events.event("CHANNEL_ANSWER")
        assert await here.commands.api("show channels count") == "\n2 total.\n"
        shown = orjson.loads(await here.commands.api("show calls as json"))
        assert shown["row_count"] == 1
        (row,) = shown["rows"]
        assert (row["uuid"], row["b_direction"], row["b_dest"]) == (call.uuid, "outbound", "900")
        text = await here.commands.api("show channels")
        assert text.startswith("uuid,direction,created,")
        assert text.endswith("\n\n2 total.\n")


@pytest.mark.parametrize(
    ("cause", "named"),
    [("", "NORMAL_CLEARING"), (" USER_BUSY", "USER_BUSY"), (" nonsense", "NORMAL_CLEARING")],
)
def test_killing_a_parked_call(cause: str, named: str) -> None:
    @in_loop
    async def check() -> None:
        async with running() as here:
            call = here.simulator.place_call("1")
            assert await here.commands.api(f"uuid_kill {call.uuid}{cause}") == "+OK\n"
            assert (await call.ended()).cause == named
            assert await here.commands.api(f"uuid_kill {call.uuid}") == NO_CHANNEL

    check()


@in_loop
async def test_killing_a_ringing_call_cancels_its_vendor() -> None:
    async with running() as here:
        here.answer_parks("bridge:sofia/trunks/900@127.0.0.1:5081")
        call = here.simulator.place_call("1", legs=[rings()])
        await asyncio.sleep(0.15)
        await here.commands.api(f"uuid_kill {call.uuid} MANAGER_REQUEST")
        ended = await call.ended()
        assert (ended.cause, ended.sip_status) == ("MANAGER_REQUEST", 480)
        leg = await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="outbound")
        assert leg["Hangup-Cause"] == "ORIGINATOR_CANCEL"
        assert leg["variable_sip_hangup_disposition"] == "send_cancel"


@in_loop
async def test_hupall_by_variable() -> None:
    async with running() as here:
        kept, gone = (here.simulator.place_call(number) for number in ("1", "2"))
        await here.commands.api(f"uuid_setvar {gone.uuid} group b")
        await here.commands.api("hupall NORMAL_CLEARING group b")
        assert (await gone.ended()).cause == "NORMAL_CLEARING"
        assert await here.commands.api(f"uuid_exists {kept.uuid}") == "true"


@in_loop
async def test_a_paused_switch_refuses_calls() -> None:
    async with running() as here:
        await here.commands.api("fsctl pause")
        with pytest.raises(Exception, match="12025550100"):
            here.simulator.place_call("12025550100")
        assert here.simulator.counters.calls_refused == 1
        await here.commands.api("fsctl resume")
        here.simulator.place_call("12025550100")


TRANSFERS = [
    ("set:q=1,hangup:USER_BUSY inline", "USER_BUSY", {"q": "1"}),
    ("'set:q=1,hangup:USER_BUSY' inline", "USER_BUSY", {"q": "1"}),
    ("'m:~:set:sp=a b c~hangup:USER_BUSY' inline", "USER_BUSY", {"sp": "a b c"}),
    ("'m:~:multiset:x=1 y=2~hangup:17' inline", "USER_BUSY", {"x": "1", "y": "2"}),
    ("'m:~:multiset:^^;p=1;q=;r~hangup:user_busy' inline", "USER_BUSY", {"p": "1", "q": None}),
    (
        "'m:~:set:n=${destination_number}~set:m=${nothing}~hangup:' inline",
        "NORMAL_CLEARING",
        {"n": "12025550197", "m": None},
    ),
    (
        "'m:~:export:nolocal:ex=1~export:ey=2~hangup:~set:late=1' inline",
        "NORMAL_CLEARING",
        {"ex": None, "ey": "2", "export_vars": "nolocal:ex,ey", "late": None},
    ),
    ("'m:~: set:lead=1~unset:lead~hangup:' inline", "NORMAL_CLEARING", {"lead": None}),
    ("'m:~:hangup:999' inline", "UNKNOWN", {}),
    ("'m:~:no_such_app:x~hangup:USER_BUSY' inline", "DESTINATION_OUT_OF_ORDER", {}),
    ("'m:~:set:a=b' inline", "NORMAL_CLEARING", {"a": "b"}),  # a plan that ends hangs up
    ("'m:~:respond:402 Payment Required' inline", "CALL_REJECTED", {"last_app": "respond"}),
    ("'m:~:respond:404' inline", "UNALLOCATED_NUMBER", {"last_arg": "404"}),
    (
        "'m:~:set:a=${system(id)}~hangup:' inline",
        "NORMAL_CLEARING",
        {"a": "<API execute Permission Denied>"},
    ),
    ("bridge:nosuch/foo inline", "CHAN_NOT_IMPLEMENTED", {"originate_causes": None}),
    ("bridge:sofia/nosuch/foo@127.0.0.1 inline", "INVALID_PROFILE", {"DIALSTATUS": "INVALIDARGS"}),
]


@pytest.mark.parametrize(("transfer", "cause", "variables"), TRANSFERS)
def test_plans(transfer: str, cause: str, variables: dict[str, str | None]) -> None:
    @in_loop
    async def check() -> None:
        async with running() as here:
            call = here.simulator.place_call("12025550197")
            assert await here.commands.api(f"uuid_transfer {call.uuid} {transfer}") == "+OK\n"
            assert (await call.ended()).cause == cause
            event = await here.events.event("CHANNEL_HANGUP_COMPLETE")
            seen = {name: event.get(f"variable_{name}") for name in variables}
            assert seen == variables

    check()


@in_loop
async def test_a_transfer_into_the_xml_dialplan_parks_again() -> None:
    async with running() as here:
        call = here.simulator.place_call("1")
        await here.commands.api(f"uuid_transfer {call.uuid} 12345 XML tollgate")
        await here.events.wait_for(lambda client: len(client.named("CHANNEL_PARK")) == 2)
        again = here.events.named("CHANNEL_PARK")[1]
        assert again["Caller-Destination-Number"] == "12345"


@in_loop
async def test_a_transfer_leaves_its_traces() -> None:
    async with running() as here:
        here.answer_parks("m:~:set:a=1~hangup:USER_BUSY")
        here.simulator.place_call("12025550100")
        ended = await here.events.event("CHANNEL_HANGUP_COMPLETE")
        assert ended["Caller-Destination-Number"] == "12025550100"
        assert (ended["Caller-Dialplan"], ended["Caller-Profile-Index"]) == ("inline", "2")
        assert ended["variable_max_forwards"] == "69"
        assert ended["variable_transfer_source"].endswith(
            ":bl_xfer:m:~:set:a=1~hangup:USER_BUSY/tollgate/inline"
        )
