"""One Event Socket connection against peers that hang, lie, flood and go away."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from controller.domain.errors import SwitchError, SwitchTimeout, SwitchUnavailable, UnsafeText
from controller.drivers.freeswitch.codec import Frame
from controller.drivers.freeswitch.connection import MAX_PENDING, EventSocket, open_socket
from tests.unit.drivers.hostile_switch import (
    ACCEPTED,
    HELLO,
    OK,
    PASSWORD,
    REFUSED,
    HostileSwitch,
    Peer,
    Script,
    answer,
    event,
    eventually,
    frame,
    hostile_switch,
)

TIMEOUT_S = 0.1


@pytest.fixture(scope="module", autouse=True)
def _quick_collection() -> Iterator[None]:
    """Each test collects garbage, to see what was left behind; only its own needs a look."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def run(
    script: Script, test: Callable[[HostileSwitch], Awaitable[None]], limit_s: float = 10
) -> None:
    """Run the test against a switch that follows the script; nothing may be left behind."""

    async def both() -> None:
        async with asyncio.timeout(limit_s), hostile_switch(script) as switch:
            await test(switch)
            await asyncio.sleep(0.01)
            gc.collect()
            await asyncio.sleep(0)

    asyncio.run(both())


async def connect(
    switch: HostileSwitch,
    on_event: Callable[[Frame], None] = lambda _frame: None,
    timeout_s: float = 5,
    password: str = PASSWORD,
) -> EventSocket:
    return await open_socket("127.0.0.1", switch.port, password, on_event, timeout_s)


def reply(text: str) -> bytes:
    return f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode()


async def hang(peer: Peer) -> None:
    await peer.reader.read()


# -- welcome ---------------------------------------------------------------------------------


def test_a_welcome_byte_by_byte_is_a_welcome() -> None:
    async def script(peer: Peer) -> None:
        for byte in HELLO:
            peer.send(bytes([byte]))
            await asyncio.sleep(0)
        await peer.command()
        for byte in ACCEPTED:
            peer.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await peer.command() == "api status"
        peer.send(answer(b"UP\n"))
        await hang(peer)

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch)
        assert (await connection.ask("api status")).reply == "UP"
        connection.close("done")
        assert await connection.closed == "done"

    run(script, test)


def test_a_wrong_password_is_named_and_the_connection_closed() -> None:
    async def script(peer: Peer) -> None:
        peer.send(HELLO)
        await peer.command()
        peer.send(REFUSED)
        assert await peer.gone()

    async def test(switch: HostileSwitch) -> None:
        with pytest.raises(SwitchError, match="password"):
            await connect(switch, password="wrong")
        await asyncio.sleep(0.02)

    run(script, test)


def test_a_password_that_would_break_the_framing_is_not_sent() -> None:
    sent: list[str] = []

    async def script(peer: Peer) -> None:
        peer.send(HELLO)
        sent.append(await peer.command())

    async def test(switch: HostileSwitch) -> None:
        with pytest.raises((UnsafeText, SwitchError)):
            await connect(switch, password="x\n\napi shutdown")
        assert sent == []

    run(script, test)


@pytest.mark.parametrize(
    "welcome",
    [b"", HELLO[:-1], b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", b"SSH-2.0-OpenSSH_9\r\n"],
    ids=["silence", "half a frame", "a web server", "an SSH server"],
)
def test_a_peer_that_never_welcomes_is_given_up_and_not_leaked(welcome: bytes) -> None:
    gone: list[bool] = []

    async def script(peer: Peer) -> None:
        peer.send(welcome)
        gone.append(await peer.gone())

    async def test(switch: HostileSwitch) -> None:
        with pytest.raises(SwitchTimeout, match="no welcome"):
            await connect(switch, timeout_s=TIMEOUT_S)
        await eventually(lambda: gone)
        assert gone == [True]

    run(script, test)


def test_a_peer_that_never_answers_the_password_is_given_up_and_not_leaked() -> None:
    gone: list[bool] = []

    async def script(peer: Peer) -> None:
        peer.send(HELLO)
        gone.append(await peer.gone())

    async def test(switch: HostileSwitch) -> None:
        with pytest.raises(SwitchError):
            await connect(switch, timeout_s=TIMEOUT_S)
        await eventually(lambda: gone)
        assert gone == [True]

    run(script, test)


def test_giving_up_the_wait_closes_the_connection() -> None:
    gone: list[bool] = []

    async def script(peer: Peer) -> None:
        gone.append(await peer.gone())

    async def test(switch: HostileSwitch) -> None:
        attempt = asyncio.create_task(connect(switch, timeout_s=5))
        await eventually(lambda: switch.peers)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await eventually(lambda: gone)
        assert gone == [True]

    run(script, test)


@pytest.mark.parametrize(
    ("welcome", "why"),
    [
        (frame("text/rude-rejection", b"Access Denied, go away.\n"), "access list"),
        (HELLO + frame("text/disconnect-notice", b"Disconnected, goodbye.\n"), "good-bye"),
        (OK, "reply to no command"),
        (b"Content-Length: x\n\n", "protocol error"),
        (b"x" * 70_000, "protocol error"),
    ],
)
def test_a_rude_welcome_fails_at_once_with_its_cause(welcome: bytes, why: str) -> None:
    async def script(peer: Peer) -> None:
        peer.send(welcome)
        await hang(peer)

    async def test(switch: HostileSwitch) -> None:
        with pytest.raises(SwitchUnavailable, match=why):
            await connect(switch)

    run(script, test)


def test_a_port_where_nobody_listens() -> None:
    async def nobody(_peer: Peer) -> None:
        return

    async def test(switch: HostileSwitch) -> None:
        with pytest.raises(SwitchUnavailable, match=r"127\.0\.0\.1:1:"):
            await open_socket("127.0.0.1", 1, PASSWORD, lambda _f: None, TIMEOUT_S)
        assert not switch.peers

    run(nobody, test)


# -- replies ---------------------------------------------------------------------------------


def test_pipelined_commands_get_their_replies_in_order_among_events() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        commands = [await peer.command() for _ in range(50)]
        for number, command in enumerate(commands):
            peer.send(event("HEARTBEAT", {"n": number}) + answer(command.encode()))
        await hang(peer)

    async def test(switch: HostileSwitch) -> None:
        seen: list[Frame] = []
        connection = await connect(switch, seen.append)
        replies = await asyncio.gather(*(connection.ask(f"api echo {n}") for n in range(50)))
        assert [r.reply for r in replies] == [f"api echo {n}" for n in range(50)]
        assert len(seen) == 50
        connection.close("done")

    run(script, test)


def test_a_late_reply_closes_the_connection_and_fails_all_that_wait() -> None:
    """Else the late reply would be taken for that of the next command."""
    gone: list[bool] = []

    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.command()
        gone.append(await peer.gone())

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch, timeout_s=TIMEOUT_S)
        first, second = connection.ask("api one"), connection.ask("api two")
        for waiting in (first, second):
            with pytest.raises(SwitchUnavailable, match="no reply within"):
                await waiting
        assert "no reply within" in await connection.closed
        with pytest.raises(SwitchUnavailable):
            connection.ask("api three")
        await eventually(lambda: gone)
        assert gone == [True]

    run(script, test)


def test_events_do_not_hide_a_reply_that_is_missing() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.command()
        while True:
            peer.send(event("HEARTBEAT"))
            await asyncio.sleep(0.01)

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch, timeout_s=TIMEOUT_S)
        with pytest.raises(SwitchUnavailable, match="no reply within"):
            await connection.ask("api one")

    run(script, test)


def test_silence_without_a_pending_command_is_no_time_out() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        assert await peer.command() == "api late"
        peer.send(answer(b"fine"))
        await hang(peer)

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch, timeout_s=0.05)
        await asyncio.sleep(0.2)
        assert not connection.closed.done()
        assert (await connection.ask("api late")).reply == "fine"
        connection.close("done")

    run(script, test)


def test_a_reply_to_no_command_closes_the_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        peer.send(OK)
        await hang(peer)

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch)
        assert "reply to no command" in await connection.closed

    run(script, test)


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b"Content-Length: 100\nContent-Type: api/response\n\nonly this",
        b"Content-Length: 100\nContent-Ty",
        frame("text/disconnect-notice", b"bye"),
    ],
    ids=["at once", "mid-body", "mid-header", "after a notice"],
)
def test_the_end_of_the_stream_fails_what_waits(rest: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.command()
        peer.send(rest)
        peer.writer.close()

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch)
        with pytest.raises(SwitchUnavailable):
            await connection.ask("api one")
        assert await connection.closed

    run(script, test)


def test_a_half_closed_connection_is_a_lost_one() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.command()
        peer.writer.write_eof()
        await hang(peer)

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch)
        with pytest.raises(SwitchUnavailable):
            await connection.ask("api one")
        assert connection.closed.done()

    run(script, test)


def test_a_reset_connection_is_a_lost_one() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.command()
        peer.writer.transport.abort()

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch)
        with pytest.raises(SwitchUnavailable):
            await connection.ask("api one")

    run(script, test)


def test_a_flood_of_events_is_read_and_kept_in_order() -> None:
    many = 20_000

    async def script(peer: Peer) -> None:
        await peer.greet()
        peer.send(b"".join(event("HEARTBEAT", {"n": n}) for n in range(many)))
        await hang(peer)

    async def test(switch: HostileSwitch) -> None:
        seen: list[bytes] = []
        connection = await connect(switch, lambda f: seen.append(f.body))
        await eventually(lambda: len(seen) == many, 8)
        assert seen[0] != seen[-1]
        assert b'"n": %d' % (many - 1) in seen[-1]
        connection.close("done")

    run(script, test, limit_s=15)


def test_commands_that_wait_are_bounded() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        await hang(peer)

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch, timeout_s=30)
        for _ in range(MAX_PENDING):
            connection.send("api x")
        with pytest.raises(SwitchUnavailable, match="wait"):
            connection.send("api x")
        connection.close("done")

    run(script, test)


def test_unsafe_commands_leave_the_order_of_replies_alone() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        while True:
            peer.send(answer((await peer.command()).encode()))

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch)
        first = connection.ask("api one")
        with pytest.raises(UnsafeText):
            connection.ask("api two\n\napi shutdown")
        second = connection.ask("api three")
        assert [(await first).reply, (await second).reply] == ["api one", "api three"]
        connection.close("done")

    run(script, test)


def test_a_second_question_for_the_password_gives_no_harm() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        peer.send(HELLO)
        assert (await peer.command()).startswith(("auth ", "api "))
        peer.send(ACCEPTED)
        await hang(peer)

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch)
        await asyncio.sleep(0.05)
        assert not connection.closed.done()
        connection.close("done")

    run(script, test)


def test_an_abandoned_reply_does_not_shift_the_next() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        commands = [await peer.command(), await peer.command()]
        for command in commands:
            peer.send(answer(command.encode()))
        await hang(peer)

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch)
        abandoned: asyncio.Future[Any] = connection.ask("api one")
        abandoned.cancel()
        assert (await connection.ask("api two")).reply == "api two"
        connection.close("done")

    run(script, test)


def test_replies_of_unknown_content_types_are_ignored() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.command()
        peer.send(frame("log/data", b"noise") + frame("", b"") + reply("+OK"))
        await hang(peer)

    async def test(switch: HostileSwitch) -> None:
        connection = await connect(switch)
        assert (await connection.ask("api one")).reply == "+OK"
        connection.close("done")

    run(script, test)
