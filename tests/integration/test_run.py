"""`tollgate run` as a stranger starts it: one command, and calls become records on a page."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest

PATIENCE_S = 60.0


class Run:
    """One `tollgate run` with the simulator, and a browser of sorts."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.output = folder / "run.out"
        self.errors = folder / "run.err"
        command = [sys.executable, "-m", "controller.cli", "run"]
        command += ["--data", str(folder / "data"), "--switch", "simulator"]
        command += ["--web", f"127.0.0.1:{self.port}"]
        environment = {**os.environ, "TOLLGATE_SIMULATOR_CPS": "10"}
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=output, stderr=errors, env=environment)
        self.browser: OpenerDirector = build_opener(HTTPCookieProcessor(CookieJar()))

    def wait(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.errors.read_text()[-2000:]
            assert time.monotonic() < deadline, f"{what}; {self.errors.read_text()[-2000:]}"
            time.sleep(0.2)

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def page(self, path: str, **form: str) -> str:
        data = urlencode(form).encode() if form else None
        with self.browser.open(f"http://127.0.0.1:{self.port}{path}", data) as reply:
            return str(reply.read().decode())

    def sign_in(self, password: str) -> str:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.page("/sign-in"))
        assert token is not None
        return self.page("/sign-in", csrf_token=token[1], name="admin", password=password)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for pid in processes(str(tmp_path / "data")):
        os.kill(pid, signal.SIGKILL)


def processes(named: str, parent: int | None = None) -> list[int]:
    """Pids whose command line holds `named`, from /proc: a bare Debian has no pgrep."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            parent_pid = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, UnicodeDecodeError):
            continue
        if named in command and parent in (None, parent_pid):
            found.append(int(entry.name))
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_one_command_runs_everything_and_a_second_start_goes_on(folder: Path) -> None:
    run = Run(folder)
    run.wait(lambda: "sign in" in run.said(), "an announcement")
    found = re.search(r"sign in\s+admin / (\S+)", run.said())
    assert found is not None
    password = found[1]
    assert f"http://127.0.0.1:{run.port}/" in run.said()
    assert "Live calls" in run.sign_in(password)

    def records() -> int:
        return run.page("/cdrs").count('href="/cdrs/')

    def live() -> int:
        talking = re.search(r"<strong>(\d+)</strong> calls?", run.page("/calls"))
        return int(talking[1]) if talking else 0

    run.wait(live, "a live call")
    run.wait(lambda: records() >= 5, "five records")
    assert "northwind" in run.page("/accounts")

    # a controller that falls is started again, and calls go on being decided
    (controller,) = processes("controller.cli controller", run.process.pid)
    os.kill(controller, signal.SIGKILL)
    run.wait(lambda: "controller ended with -9" in run.errors.read_text(), "a restart")
    before = records()
    run.wait(lambda: records() > before or before >= 50, "records after the restart")
    assert run.stop() == 0

    again = Run(folder)
    again.wait(lambda: "Ctrl-C" in again.said(), "a second announcement")
    assert "sign in" not in again.said()
    assert "Live calls" in again.sign_in(password)
    assert again.page("/cdrs").count('href="/cdrs/') >= 5
    assert again.stop() == 0


def test_an_address_in_use_is_named(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "controller.cli", "run", "--web", address]
        command += ["--data", str(folder / "data")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert address in done.stderr
    assert done.stderr.count("\n") == 1
