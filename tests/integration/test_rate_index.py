"""Decks as files: built once, shared, replaced, and never trusted for more than they are."""

import logging
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from controller.domain.errors import StoreUnavailable
from controller.persistence import database, rate_loader
from controller.persistence import schema as t
from controller.persistence.rate_index import files
from controller.persistence.rate_loader import RateGroups
from tests.integration.rate_decks import (
    BY_MINUTE,
    DEFAULTS,
    EVERY_KIND,
    NOW,
    add_group,
    index_files,
    load,
    set_tiers,
    tiers_of,
)

pytestmark = pytest.mark.postgres


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "rate_index"


@pytest.fixture(autouse=True)
def all_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every group has a file, however small."""
    monkeypatch.setattr(rate_loader, "SMALL", 0)


def test_what_did_not_change_is_kept(engine: sa.Engine, folder: Path) -> None:
    first, second = (add_group(engine, name, [{"prefix": "39"}]) for name in ("a", "b"))
    groups = RateGroups(folder)
    before = load(engine, groups)
    set_tiers(engine, first, "39", "0|0:0.99/60/60")
    after = load(engine, groups)
    assert after[second].rates is before[second].rates
    assert tiers_of(before[first], "39") == BY_MINUTE
    assert tiers_of(after[first], "39") == "0|0:0.99/60/60"
    assert load(engine, groups)[first].rates is after[first].rates


def test_a_file_is_built_once_for_all_processes(
    engine: sa.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_id = add_group(engine, "sell", EVERY_KIND)
    load(engine, RateGroups(folder))
    monkeypatch.setattr(subprocess, "run", pytest.fail)
    assert tiers_of(load(engine, RateGroups(folder))[group_id], "39061") == BY_MINUTE


def test_only_the_newest_file_is_kept_and_only_its_owner_may_read_it(
    engine: sa.Engine, folder: Path
) -> None:
    group_id = add_group(engine, "sell", [{"prefix": "39"}])
    groups = RateGroups(folder)
    old = load(engine, groups)[group_id]
    (first,) = index_files(folder)
    set_tiers(engine, group_id, "39", "0|0:0.99/60/60")
    load(engine, groups)
    (second,) = index_files(folder)
    assert second != first
    assert stat.S_IMODE(second.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert tiers_of(old, "39") == BY_MINUTE, "a mapped file outlives its name"


def test_files_of_groups_that_are_gone_or_small_are_removed(
    engine: sa.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_loader, "SMALL", 1)
    gone, shrunk = (
        add_group(engine, name, [{"prefix": "39"}, {"prefix": "44"}]) for name in ("gone", "shrunk")
    )
    groups = RateGroups(folder)
    load(engine, groups)
    assert len(index_files(folder)) == 2
    with engine.begin() as connection:
        connection.execute(sa.delete(t.rate_groups).where(t.rate_groups.c.id == gone))
        connection.execute(sa.delete(t.rates).where(t.rates.c.prefix == "44"))
    assert list(load(engine, groups)) == [shrunk]
    assert index_files(folder) == []


def test_sweeping_leaves_what_is_not_ours_to_remove(engine: sa.Engine, folder: Path) -> None:
    group_id = add_group(engine, "sell", [{"prefix": "39"}])
    load(engine, RateGroups(folder))
    (own,) = index_files(folder)
    ours, _, version = own.name.partition(f"-{group_id}-1-")
    newer = folder / f"{ours}-{group_id}-2-{version}"
    elsewhere = folder / "beef.1-1-1-increment.v1"
    forgotten = folder / "beef.2-1-1-increment.v1"
    notes, fresh, stale = folder / "notes.txt", folder / "a.tmp", folder / "b.tmp"
    for path in (newer, elsewhere, forgotten, notes, fresh, stale):
        path.touch()
    long_ago = NOW.timestamp() - 90 * 86_400
    for path in (forgotten, stale, notes):
        os.utime(path, (long_ago, long_ago))
    load(engine, RateGroups(folder))
    left = {path for path in folder.iterdir() if path.suffix != ".lock"}
    assert left == {own, newer, elsewhere, notes, fresh}


def test_another_reading_of_sections_is_another_file(engine: sa.Engine, folder: Path) -> None:
    """Rows that one mode refuses may be right in another."""
    row = {"prefix": "7", "tiers": "0|0:0.05/60/60", "sections": "60:0.10;30:0.05"}
    group_id = add_group(engine, "sell", [row], section_mode="cumulative_step")
    groups = RateGroups(folder)
    assert tiers_of(load(engine, groups)[group_id], "7") is None
    with engine.begin() as connection:
        connection.execute(sa.update(t.rate_groups).values(section_mode="increment"))
    assert tiers_of(load(engine, groups)[group_id], "7") == "0|0:=0.1;60:=0.05;90:0.05/60/60"


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


Damage = Callable[[bytes], bytes]
DAMAGES: dict[str, Damage] = {
    "cut in the middle": lambda data: data[: len(data) // 2],
    "cut in the preamble": lambda data: data[:10],
    "empty": lambda _: b"",
    "too long": lambda data: data + b"\0",
    "another magic": lambda data: b"PK" + data[2:],
    "another format": lambda data: data[:8] + b"\x07" + data[9:],
    "a bit of the header": lambda data: flipped(data, 60),
    "a bit of a rate": lambda data: flipped(data, len(data) - 40),
    "a bit of the search": lambda data: flipped(data, len(data) // 2),
    "a price": lambda data: data.replace(b"0.06", b"0.01"),
    "noise": lambda data: os.urandom(len(data)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_built_again(
    engine: sa.Engine,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Damage,
) -> None:
    group_id = add_group(engine, "sell", EVERY_KIND)
    load(engine, RateGroups(folder))
    (path,) = index_files(folder)
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    with caplog.at_level(logging.WARNING):
        group = load(engine, RateGroups(folder))[group_id]
    assert "rate index not used" in caplog.text
    assert tiers_of(group, "39061") == BY_MINUTE
    assert path.read_bytes() == sound


def test_a_file_of_other_rates_under_the_same_name_is_not_used(
    engine: sa.Engine, folder: Path
) -> None:
    """As after a restored backup: the same version of the same group, and other prices."""
    group_id = add_group(engine, "sell", [{"prefix": "39"}])
    load(engine, RateGroups(folder))
    (path,) = index_files(folder)
    set_tiers(engine, group_id, "39", "0|0:0.99/60/60")
    with engine.begin() as connection:
        connection.execute(sa.update(t.rate_groups).values(rates_version=1))
    assert tiers_of(load(engine, RateGroups(folder))[group_id], "39") == "0|0:0.99/60/60"
    assert index_files(folder) == [path]


def test_a_file_of_another_group_is_not_used(engine: sa.Engine, folder: Path) -> None:
    cheap = add_group(engine, "cheap", [{"prefix": "39", "tiers": "0|0:0.01/60/60"}])
    dear = add_group(engine, "dear", [{"prefix": "39", "tiers": "0|0:0.99/60/60"}])
    load(engine, RateGroups(folder))
    first, second = index_files(folder)
    first_bytes, second_bytes = first.read_bytes(), second.read_bytes()
    first.write_bytes(second_bytes)
    second.write_bytes(first_bytes)
    groups = load(engine, RateGroups(folder))
    assert tiers_of(groups[cheap], "39") == "0|0:0.01/60/60"
    assert tiers_of(groups[dear], "39") == "0|0:0.99/60/60"


def test_a_link_in_place_of_a_file_is_not_followed(
    engine: sa.Engine, folder: Path, tmp_path: Path
) -> None:
    group_id = add_group(engine, "sell", EVERY_KIND)
    load(engine, RateGroups(folder))
    (path,) = index_files(folder)
    target = path.rename(tmp_path / "elsewhere")
    path.symlink_to(target)
    assert tiers_of(load(engine, RateGroups(folder))[group_id], "39061") == BY_MINUTE
    assert not path.is_symlink()


# --- building -----------------------------------------------------------------------------------


def test_builders_at_the_same_time_do_not_disturb_each_other(
    engine: sa.Engine, folder: Path
) -> None:
    group_id = add_group(engine, "sell", EVERY_KIND)
    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load, engine, RateGroups(folder)) for _ in range(4)]
        groups = [done.result()[group_id] for done in loads]
    assert [tiers_of(group, "39061") for group in groups] == [BY_MINUTE] * 4
    assert len(index_files(folder)) == 1
    assert not list(folder.glob("*.tmp"))


def test_the_builder_sees_what_the_loading_transaction_sees(
    engine: sa.Engine, folder: Path
) -> None:
    """A change that is committed between the two belongs to the next version."""
    group_id = add_group(engine, "sell", [{"prefix": "39"}])
    groups = RateGroups(folder)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(sa.select(t.rate_groups)).all()
        set_tiers(engine, group_id, "39", "0|0:0.99/60/60")
        loaded = groups.load(connection, {}, DEFAULTS)
    assert tiers_of(loaded[group_id], "39") == BY_MINUTE
    assert tiers_of(load(engine, groups)[group_id], "39") == "0|0:0.99/60/60"


def test_the_folder_may_be_named_from_the_current_one(
    engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `var`, the default data folder, is."""
    group_id = add_group(engine, "sell", [{"prefix": "39"}])
    monkeypatch.chdir(tmp_path)
    assert tiers_of(load(engine, RateGroups(Path("var/rate_index")))[group_id], "39") == BY_MINUTE
    assert len(index_files(tmp_path / "var" / "rate_index")) == 1


def test_the_database_url_is_not_among_the_arguments(
    engine: sa.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_group(engine, "sell", [{"prefix": "39"}])
    commands: list[tuple[str, ...]] = []
    run = subprocess.run

    def noting(command: tuple[str, ...], **given: Any) -> Any:
        commands.append(command)
        return run(command, **given)

    monkeypatch.setattr(subprocess, "run", noting)
    load(engine, RateGroups(folder))
    (command,) = commands
    assert "postgres" not in " ".join(command[1:])


def test_a_builder_that_fails_is_told_with_its_reason(
    engine: sa.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_group(engine, "sell", [{"prefix": "39"}])
    monkeypatch.setattr(rate_loader, "driver_url", lambda _: "postgresql://127.0.0.1:1/nowhere")
    with pytest.raises(StoreUnavailable, match="not built: connection failed"):
        load(engine, RateGroups(folder))
    assert index_files(folder) == []


def test_a_builder_that_does_not_start_or_end_is_told(
    engine: sa.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_group(engine, "sell", [{"prefix": "39"}])
    monkeypatch.setattr(files, "BUILD_TIMEOUT_S", 0.01)
    with pytest.raises(StoreUnavailable, match="timed out"):
        load(engine, RateGroups(folder))
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    with pytest.raises(StoreUnavailable, match="No such file"):
        load(engine, RateGroups(folder))


def test_without_a_usable_folder_decks_are_compiled_in_memory(
    engine: sa.Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    group_id = add_group(engine, "sell", EVERY_KIND)
    with caplog.at_level(logging.WARNING):
        group = load(engine, RateGroups(tmp_path / "file" / "rate_index"))[group_id]
    assert "compiled in memory" in caplog.text
    assert tiers_of(group, "39061") == BY_MINUTE


def test_a_user_without_rights_on_the_cluster_can_build(
    engine: sa.Engine, database_url: str, folder: Path
) -> None:
    group_id = add_group(engine, "sell", EVERY_KIND)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN")
        try:
            connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain")
            connection.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public")
            plain = database.make_engine(database_url.replace("postgres:", "plain:", 1))
            assert tiers_of(load(plain, RateGroups(folder))[group_id], "39061") == BY_MINUTE
            plain.dispose()
        finally:
            connection.execute("DROP OWNED BY plain")
            connection.execute("DROP ROLE plain")
