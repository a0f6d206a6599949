"""Whether another process of this machine is dead: known for certain, or not at all."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from controller.bootstrap import process_identity
from controller.bootstrap.process_identity import is_dead, own_identity
from controller.domain.lease import Owner

TELL = (
    "from controller.bootstrap.process_identity import own_identity as o\n"
    "me = o(); print(me.token, me.pid, me.mark, flush=True); input()"
)


@contextmanager
def process() -> Iterator[tuple["subprocess.Popen[str]", Owner]]:
    """Another process, and who it says it is."""
    child = subprocess.Popen(
        [sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        token, pid, mark = child.stdout.readline().split()
        yield child, Owner(token, "here", int(pid), mark)
    finally:
        child.kill()
        child.communicate()


def test_this_process_is_alive_and_each_start_has_its_own_token() -> None:
    me = own_identity()
    assert me.pid == os.getpid()
    assert me.mark
    assert not is_dead(me)
    assert own_identity().token != me.token


def test_another_process_until_it_is_killed() -> None:
    with process() as (child, owner):
        assert not is_dead(owner)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(owner), "it only waits to be collected"
        child.communicate()
        assert is_dead(owner)


def test_a_pid_that_another_process_has_by_now() -> None:
    me = own_identity()
    machine, _, started = me.mark.rpartition("/")
    assert is_dead(replace(me, mark=f"{machine}/{int(started) - 1}"))


@pytest.mark.parametrize("mark", ["", "another-boot/pid:[4026531836]/4711", "4711"])
def test_nothing_is_known_of_another_machines_process(mark: str) -> None:
    gone = 2**22 - 1
    assert not is_dead(Owner("token", "elsewhere", gone, mark))


def test_where_the_process_table_is_hidden_nobody_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    with process() as (_, owner):
        other = replace(owner, mark=owner.mark + "0")
        assert is_dead(other)
        monkeypatch.setattr(process_identity, "_started", lambda _pid: None)
        assert not is_dead(other)


def test_where_the_machine_does_not_say_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    me = own_identity()
    monkeypatch.setattr(process_identity, "_machine", lambda: "")
    assert own_identity().mark == ""
    assert not is_dead(replace(me, pid=2**22 - 1))
