"""The shipped configuration as files, and starting: what can be shown without a FreeSWITCH."""

from __future__ import annotations

import re
import stat
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from controller.domain.errors import InvalidConfiguration, SwitchUnavailable
from controller.drivers.freeswitch.launch import SwitchProcess
from controller.drivers.freeswitch.run_directory import (
    REPOSITORY,
    FreeSwitchPaths,
    SwitchConfig,
    find_binary,
    render,
)

SHIPPED = sorted(
    path
    for folder in ("freeswitch_conf", "dialplan")
    for path in (REPOSITORY / folder).rglob("*")
    if path.suffix in {".xml", ".example"}
)
EXAMPLE = REPOSITORY / "freeswitch_conf" / "vars.xml.example"


def _id(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def _set_in_the_example() -> set[str]:
    return set(re.findall(r'data="(tollgate_\w+)=', EXAMPLE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", SHIPPED, ids=_id)
def test_file_is_well_formed(path: Path) -> None:
    ElementTree.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314  (our own file)


@pytest.mark.parametrize("path", SHIPPED, ids=_id)
def test_no_comment_holds_a_preprocessor_tag(path: Path) -> None:
    """The preprocessor works on lines, comments included: a tag in one would be obeyed."""
    comments = re.findall(r"<!--.*?-->", path.read_text(encoding="utf-8"), re.DOTALL)
    assert [text for text in comments if re.search(r"x-pre-process|\$\$\{", text, re.I)] == []


@pytest.mark.parametrize("path", SHIPPED, ids=_id)
def test_every_variable_is_in_the_example(path: Path) -> None:
    used = set(re.findall(r"\$\$\{(tollgate_\w+)\}", path.read_text(encoding="utf-8")))
    assert used <= _set_in_the_example()


def test_rendered_variables_are_those_of_the_example(tmp_path: Path) -> None:
    paths = FreeSwitchPaths(Path("freeswitch"), tmp_path)
    assert set(SwitchConfig().variables(paths)) == _set_in_the_example()


def test_run_directory_is_private_and_password_is_new_each_time(tmp_path: Path) -> None:
    paths = FreeSwitchPaths(Path("freeswitch"), tmp_path / "run")
    passwords = {render(paths, SwitchConfig()) for _ in range(2)}
    assert len(passwords) == 2
    assert min(map(len, passwords)) >= 40
    secret = paths.conf_rendered / "esl_password.xml"
    assert any(password in secret.read_text(encoding="utf-8") for password in passwords)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    for folder in (paths.run_dir, paths.conf_rendered, paths.cdr_spool):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_cdr_files_survive_a_new_rendering(tmp_path: Path) -> None:
    paths = FreeSwitchPaths(Path("freeswitch"), tmp_path / "run")
    render(paths, SwitchConfig())
    record = paths.cdr_spool / "x.cdr.json"
    record.write_text("{}\n", encoding="utf-8")
    render(paths, SwitchConfig())
    assert record.exists()


@pytest.mark.parametrize("value", ["", 'a"/>', "$${hostname}", "a\nb", "<x>", "a*"])
def test_values_that_would_break_the_configuration_are_refused(tmp_path: Path, value: str) -> None:
    paths = FreeSwitchPaths(Path("freeswitch"), tmp_path / "run")
    with pytest.raises(InvalidConfiguration, match="tollgate_bench_vendor"):
        render(paths, SwitchConfig(bench_vendor=value))
    assert not paths.run_dir.exists()


def test_missing_shipped_folder_is_named(tmp_path: Path) -> None:
    paths = FreeSwitchPaths(Path("freeswitch"), tmp_path / "run", dialplan=tmp_path / "nowhere")
    with pytest.raises(InvalidConfiguration, match="nowhere is missing"):
        render(paths, SwitchConfig())


def test_binary_is_taken_from_the_environment_then_the_path(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    named, on_path = tmp_path / "named", tmp_path / "bin" / "freeswitch"
    for file in (named, on_path):
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    path = {"PATH": str(on_path.parent)}
    assert find_binary({"FREESWITCH_BIN": str(named), **path}) == named
    assert find_binary(path) == on_path
    assert find_binary({"PATH": str(tmp_path)}) is None
    with pytest.raises(InvalidConfiguration, match="not an executable"):
        find_binary({"FREESWITCH_BIN": str(tmp_path / "missing"), **path})


def test_a_switch_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "freeswitch"
    broken.write_text("#!/bin/sh\necho 'libfoo.so: cannot open shared object'\nexit 1\n")
    broken.chmod(0o755)
    paths = FreeSwitchPaths(broken, tmp_path / "run")
    with pytest.raises(SwitchUnavailable, match=r"(?s)ended by itself.*libfoo\.so"):
        SwitchProcess.start(paths, SwitchConfig())
    assert SwitchProcess.adopt(paths) is None


def test_a_switch_that_never_answers_is_killed(tmp_path: Path) -> None:
    deaf = tmp_path / "freeswitch"
    deaf.write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
    deaf.chmod(0o755)
    paths = FreeSwitchPaths(deaf, tmp_path / "run")
    with pytest.raises(SwitchUnavailable, match=r"not ready after 0\.5 s"):
        SwitchProcess.start(paths, SwitchConfig(), timeout_s=0.5)
    assert not (paths.run_dir / "switch.json").exists()
