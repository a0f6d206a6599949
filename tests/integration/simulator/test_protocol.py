"""The Event Socket protocol, byte by byte: greetings, replies, subscriptions, filters."""

import asyncio

import pytest

from tests.integration.simulator.client import PASSWORD, Client, Running, in_loop, running


async def _exchange(port: int, *commands: bytes) -> bytes:
    """Everything that the switch says to these commands, until it closes or is quiet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for command in commands:
        writer.write(command)
        await writer.drain()
    said = b""
    try:
        while data := await asyncio.wait_for(reader.read(65_536), 0.3):
            said += data
        said += b"<END>"
    except TimeoutError:
        pass
    writer.close()
    return said


GOODBYE = (
    b"Content-Type: text/disconnect-notice\nContent-Length: 67\n\n"
    b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n<END>"
)


@in_loop
async def test_wrong_password_is_refused_and_the_link_closed() -> None:
    async with running() as here:
        said = await _exchange(here.simulator.port, b"auth wrong\n\n")
    assert said == (
        b"Content-Type: auth/request\n\n"
        b"Content-Type: command/reply\nReply-Text: -ERR invalid\n\n" + GOODBYE
    )


@in_loop
async def test_nothing_is_obeyed_before_the_password() -> None:
    async with running() as here:
        said = await _exchange(here.simulator.port, b"api hupall\n\n", b"event json ALL\n\n")
    assert said.count(b"Reply-Text: -ERR command not found\n\n") == 2


@in_loop
async def test_exit_says_goodbye() -> None:
    async with running() as here:
        said = await _exchange(here.simulator.port, f"auth {PASSWORD}\n\nexit\n\n".encode())
    assert said.endswith(b"Content-Type: command/reply\nReply-Text: +OK bye\n\n" + GOODBYE)


@in_loop
async def test_line_ends_may_be_crlf_and_blank_lines_are_skipped() -> None:
    async with running() as here:
        said = await _exchange(
            here.simulator.port,
            f"auth {PASSWORD}\r\n\r\n".encode(),
            b"\n\n\r\napi echo hi\n\nAPI echo ho\n\n",
        )
    assert said.endswith(
        b"Content-Type: api/response\nContent-Length: 2\n\nhi"
        b"Content-Type: api/response\nContent-Length: 2\n\nho"
    )


@in_loop
async def test_commands_may_arrive_one_byte_at_a_time() -> None:
    async with running() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.simulator.port)
        for byte in f"auth {PASSWORD}\n\napi echo split\n\n".encode():
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        said = await asyncio.wait_for(reader.readuntil(b"split"), 5)
        writer.close()
    assert said.endswith(b"Content-Length: 5\n\nsplit")


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("foo", "-ERR command not found"),
        ("api", "-ERR command not found"),
        ("linger", "-ERR not controlling a session"),
        ("linger 5", "-ERR not controlling a session"),
        ("nolinger", "-ERR not controlling a session"),
        ("divert_events on", "-ERR not controlling a session."),
        ("log 1", "+OK log level 1 [1]"),
        ("log foo", "-ERR invalid log level"),
        ("nolog", "-ERR not loging"),
        ("event", "-ERR no keywords supplied"),
        ("event plain", "-ERR no keywords supplied"),
        ("event json FOO", "-ERR no keywords supplied"),
        ("event plain ALL", "+OK event listener enabled plain"),
        ("events json ALL", "+OK event listener enabled json"),
        ("event json CUSTOM foo::bar sofia::register", "+OK event listener enabled json"),
        ("event xml HEARTBEAT", "+OK event listener enabled xml"),
        ("nixevent", "-ERR no keywords supplied"),
        ("nixevent CUSTOM foo::bar", "+OK events nixed"),
        ("noevents", "-ERR not listening for events"),
        ("filter", "-ERR command not found"),
        ("filter x", "-ERR invalid syntax"),
        ("filter a b", "+OK filter added. [a]=[b]"),
        ("filter add c d e", "+OK filter added. [c]=[d e]"),
        ("filter delete a", "+OK filter deleted. [a][]"),
        ("filter delete c d", "+OK filter deleted. [c][d]"),
        ("filter delete all", "+OK filter deleted. [all][]"),
        ("sendmsg xyz\ncall-command: hangup", "-ERR invalid session id [xyz]"),
        ("sendmsg", "-ERR invalid session id []"),
    ],
)
def test_replies(command: str, reply: str) -> None:
    """Each as recorded from the real switch, on a fresh link."""

    @in_loop
    async def check() -> None:
        async with running() as here:
            client = await Client.connect(here.simulator.port)
            assert (await client.send(command)).reply == reply
            await client.close()

    check()


@in_loop
async def test_noevents_ends_a_subscription() -> None:
    async with running(None, "event json ALL") as here:
        assert (await here.events.send("noevents")).reply == "+OK no longer listening for events"
        here.simulator.place_call("1")
        await here.commands.api("status")
        assert here.events.events == []


@in_loop
async def test_nixevent_takes_one_name_away() -> None:
    async with running(None, "event json CHANNEL_CREATE CHANNEL_PARK") as here:
        assert (await here.events.send("nixevent CHANNEL_CREATE")).reply == "+OK events nixed"
        here.simulator.place_call("1")
        await here.events.event("CHANNEL_PARK")
        assert here.events.named("CHANNEL_CREATE") == []


@in_loop
async def test_bgapi_uses_the_job_uuid_given_and_reports_its_job() -> None:
    async with running(None, "event json BACKGROUND_JOB") as here:
        frame = await here.events.send("bgapi echo hello\nJob-UUID: abc-def")
        assert frame.headers == {
            "Content-Type": "command/reply",
            "Reply-Text": "+OK Job-UUID: abc-def",
            "Job-UUID": "abc-def",
        }
        job = await here.events.event("BACKGROUND_JOB")
        assert (job["Job-UUID"], job["Job-Command"], job["Job-Command-Arg"]) == (
            "abc-def",
            "echo",
            "hello",
        )
        assert (job["_body"], job["Content-Length"]) == ("hello", "5")


@in_loop
async def test_bgapi_draws_a_job_uuid_of_its_own() -> None:
    async with running(None, "event json BACKGROUND_JOB") as here:
        frame = await here.events.send("bgapi no_such_command x")
        job = await here.events.event("BACKGROUND_JOB")
        assert len(job["Job-UUID"]) == 36
        assert frame.headers["Job-UUID"] == job["Job-UUID"]
        assert job["_body"] == "-ERR no_such_command Command not found!\n"


@in_loop
async def test_plain_events_are_encoded_as_the_switch_does() -> None:
    async with running(None, "event plain CHANNEL_PARK") as here:
        here.simulator.place_call("x%41 y%0a", caller="7")
        await here.events.wait_for(lambda client: bool(client.plain))
        lines = here.events.plain[0].split("\n")
    assert lines[0] == "Event-Name: CHANNEL_PARK"
    # Upper-case escapes are left as they are, everything else unsafe is encoded.
    assert "Caller-Destination-Number: x%41%20y%250a" in lines
    assert "variable_sip_to_uri: x%41%20y%250a%40127.0.0.1%3A5060" in lines
    assert lines[-2:] == ["", ""]


@in_loop
async def test_sendevent_is_handed_to_subscribers_of_its_subclass() -> None:
    async with running(None, "event json CUSTOM a::b") as here:
        for subclass in ("a::b", "c::d"):
            reply = await here.commands.send(
                f"sendevent CUSTOM\nEvent-Subclass: {subclass}\nX-Y: 1"
            )
            assert reply.reply.startswith("+OK ")
        await here.commands.api("status")
        assert [event["Event-Subclass"] for event in here.events.events] == ["a::b"]
        assert here.events.events[0]["X-Y"] == "1"


FILTERS = [
    ((), {"CHANNEL_CREATE/inbound", "CHANNEL_CREATE/outbound", "HEARTBEAT/"}),
    (("Call-Direction inbound",), {"CHANNEL_CREATE/inbound"}),
    (("call-direction INBOUND",), {"CHANNEL_CREATE/inbound"}),  # names and values in any case
    (
        ("Call-Direction inbound", "Event-Name HEARTBEAT"),
        {"CHANNEL_CREATE/inbound", "HEARTBEAT/"},
    ),
    (("No-Such-Header x",), set[str]()),
    (("Call-Direction /^in/",), {"CHANNEL_CREATE/inbound"}),
    (("Caller-Destination-Number /^12025/",), {"CHANNEL_CREATE/inbound"}),
    # A matching negative filter stops an event; it lets nothing else pass by itself.
    (("Call-Direction -outbound",), set[str]()),
    (
        ("Event-Name CHANNEL_CREATE", "Call-Direction -outbound"),
        {"CHANNEL_CREATE/inbound"},
    ),
]


@pytest.mark.parametrize(("filters", "passed"), FILTERS)
def test_filters(filters: tuple[str, ...], passed: set[str]) -> None:
    """Any positive match sends."""

    @in_loop
    async def check() -> None:
        commands = ["event json CHANNEL_CREATE HEARTBEAT", *(f"filter {each}" for each in filters)]
        async with running(None, *commands, heartbeat_interval_s=0.1) as here:
            here.answer_parks("bridge:sofia/trunks/900@127.0.0.1:5081")
            await _park_elsewhere(here)
            await asyncio.sleep(0.3)
            seen = {f"{e['Event-Name']}/{e.get('Call-Direction', '')}" for e in here.events.events}
        assert seen == passed

    check()


async def _park_elsewhere(here: Running) -> None:
    """A call with both legs, whatever the link under test hears of it."""
    watcher = await Client.connect(here.simulator.port)
    await watcher.send("event json CHANNEL_PARK")
    here.simulator.place_call("12025550100")
    uuid = (await watcher.event("CHANNEL_PARK"))["Unique-ID"]
    plan = "'bridge:sofia/trunks/900@127.0.0.1:5081'"
    assert await here.commands.api(f"uuid_transfer {uuid} {plan} inline") == "+OK\n"
    await watcher.close()


@in_loop
async def test_a_deleted_filter_stops_nothing() -> None:
    async with running(None, "event json CHANNEL_PARK", "filter Call-Direction outbound") as here:
        await here.events.send("filter delete Call-Direction outbound")
        here.simulator.place_call("1")
        await here.events.event("CHANNEL_PARK")


@in_loop
async def test_heartbeats_tell_the_load() -> None:
    async with running(None, "event json HEARTBEAT", heartbeat_interval_s=0.05) as here:
        here.simulator.place_call("1")
        beat = await here.events.event("HEARTBEAT")
        assert (beat["Session-Count"], beat["Event-Info"]) == ("1", "System Ready")
        assert beat["Core-UUID"] == here.simulator.core_uuid
        await here.events.wait_for(lambda client: len(client.events) >= 2)


@in_loop
async def test_sendmsg_executes_and_hangs_up() -> None:
    async with running() as here:
        call = here.simulator.place_call("1")
        executed = await here.commands.send(
            f"sendmsg {call.uuid}\ncall-command: execute\nexecute-app-name: set\n"
            "execute-app-arg: tollgate_x=1"
        )
        assert executed.reply == "+OK"
        assert await here.commands.api(f"uuid_getvar {call.uuid} tollgate_x") == "1"
        await here.commands.send(
            f"sendmsg {call.uuid}\ncall-command: hangup\nhangup-cause: USER_BUSY"
        )
        assert (await call.ended()).cause == "USER_BUSY"
