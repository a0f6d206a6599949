"""The tree of accounts says what `accounts.parent_id` says, whatever is added, moved or deleted."""

import random
import threading
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from controller.persistence.audit_store import PostgresAudit, read_last_change, write_audit
from controller.services.actors import EVERYTHING, Actor, Scope, Source, operator
from controller.services.audit import SOMEBODY_ABOVE, AuditLine, AuditQuery, Outcome, changed
from controller.services.sign_in import Role

TRUTH = """
WITH RECURSIVE above(a, d, depth) AS (
    SELECT id, id, 0 FROM accounts
    UNION ALL
    SELECT p.parent_id, above.d, above.depth + 1 FROM above JOIN accounts p ON p.id = above.a
    WHERE p.parent_id IS NOT NULL
)
SELECT a, d, depth FROM above
"""

A_LEAF = """
SELECT w.id FROM unnest(CAST(:ids AS bigint[])) AS w(id)
WHERE NOT EXISTS (SELECT FROM accounts c WHERE c.parent_id = w.id) LIMIT 1
"""


def add(connection: sa.Connection, parents: Sequence[int | None]) -> list[int]:
    added = connection.execute(
        sa.text(
            "INSERT INTO accounts (name, kind, currency, parent_id)"
            " SELECT gen_random_uuid(), 'ordinary', 'USD', parent"
            " FROM unnest(CAST(:parents AS bigint[])) AS parent RETURNING id"
        ),
        {"parents": list(parents)},
    )
    return list(added.scalars())


def move(connection: sa.Connection, account: int, parent: int | None) -> None:
    connection.execute(
        sa.text("UPDATE accounts SET parent_id = :parent WHERE id = :account"),
        {"account": account, "parent": parent},
    )


def assert_tree_is_true(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        stored = {tuple(row) for row in connection.execute(sa.text("SELECT * FROM account_tree"))}
        assert stored == {tuple(row) for row in connection.execute(sa.text(TRUTH))}


@pytest.fixture
def four(engine: sa.Engine) -> list[int]:
    """A chain of four, the top first."""
    with engine.begin() as connection:
        chain = add(connection, [None])
        for _ in range(3):
            chain += add(connection, [chain[-1]])
    return chain


def test_random_moves(engine: sa.Engine) -> None:
    dice = random.Random(20261121)
    refused: list[str] = []
    with engine.begin() as connection:
        ids = add(connection, [None] * 5)
    for _ in range(120):
        try:
            with engine.begin() as connection:
                if dice.random() < 0.4:
                    ids += add(connection, dice.choices([*ids, None], k=3))
                elif dice.random() < 0.8:
                    move(connection, dice.choice(ids), dice.choice([*ids, None]))
                else:
                    leaf = connection.scalar(sa.text(A_LEAF), {"ids": dice.sample(ids, len(ids))})
                    funds = "DELETE FROM account_funds WHERE account_id = :id"
                    connection.execute(sa.text(funds), {"id": leaf})
                    connection.execute(sa.text("DELETE FROM accounts WHERE id = :id"), {"id": leaf})
                    ids.remove(leaf)
        except sa.exc.IntegrityError as error:
            refused.append(str(error.orig))
        assert_tree_is_true(engine)
    assert len(ids) > 50
    assert refused
    assert all("above itself" in why or "its_own_parent" in why for why in refused)


def test_many_that_move_in_one_statement(engine: sa.Engine, four: list[int]) -> None:
    top, second, third, last = four
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE accounts SET parent_id = CASE id"
                " WHEN :second THEN :last WHEN :third THEN NULL WHEN :last THEN :top END"
                " WHERE id IN (:second, :third, :last)"
            ),
            {"top": top, "second": second, "third": third, "last": last},
        )
    assert_tree_is_true(engine)


def test_a_circle_is_refused(engine: sa.Engine, four: list[int]) -> None:
    with (
        pytest.raises(sa.exc.IntegrityError, match="would be above itself"),
        engine.begin() as connection,
    ):
        move(connection, four[0], four[3])
    assert_tree_is_true(engine)


def test_two_moves_at_once_make_no_circle(engine: sa.Engine) -> None:
    """Each alone is allowed: one under the other."""
    with engine.begin() as connection:
        first, second = add(connection, [None, None])
    refused: list[str] = []

    def under(account: int, parent: int, barrier: threading.Barrier) -> None:
        try:
            with engine.begin() as connection:
                barrier.wait()
                move(connection, account, parent)
        except sa.exc.DBAPIError as error:
            refused.append(str(error))

    for _ in range(10):
        barrier = threading.Barrier(2)
        both = [
            threading.Thread(target=under, args=(*pair, barrier))
            for pair in ((first, second), (second, first))
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert_tree_is_true(engine)
        assert len(refused) == 1, refused
        refused.clear()
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE accounts SET parent_id = NULL"))


def test_an_account_that_is_added_while_its_parent_moves(
    engine: sa.Engine, four: list[int]
) -> None:
    with engine.begin() as connection:
        elsewhere = add(connection, [None])[0]
    for step in range(20):
        target = elsewhere if step % 2 else four[0]
        barrier = threading.Barrier(2)

        def mover(to: int = target, barrier: threading.Barrier = barrier) -> None:
            with engine.begin() as connection:
                barrier.wait()
                move(connection, four[1], to)

        def adder(barrier: threading.Barrier = barrier) -> None:
            with engine.begin() as connection:
                barrier.wait()
                add(connection, [four[3], four[1]])

        both = [threading.Thread(target=mover), threading.Thread(target=adder)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
    assert_tree_is_true(engine)


def test_a_hundred_thousand_at_once(engine: sa.Engine, four: list[int]) -> None:
    with engine.begin() as connection:
        add(connection, [four[3]] * 100_000)
        move(connection, four[1], None)
    with engine.connect() as connection:
        below = "SELECT count(*) FROM account_tree WHERE ancestor_id = :id"
        assert connection.scalar(sa.text(below), {"id": four[1]}) == 100_003
        assert connection.scalar(sa.text(below), {"id": four[0]}) == 1


def test_a_change_of_very_many_after_changes_of_one(engine: sa.Engine, four: list[int]) -> None:
    """The trigger's plan is kept by the session: one that was made for a row must do for all."""
    with engine.begin() as connection:
        add(connection, [four[3]] * 20_000)
        for n in range(10):
            memo = sa.text("UPDATE accounts SET memo = :memo WHERE id = :id")
            connection.execute(memo, {"memo": str(n), "id": four[0]})
        connection.execute(sa.text("SET LOCAL statement_timeout = '10s'"))
        connection.execute(sa.text("UPDATE accounts SET memo = 'all'"))


def test_the_revision_counts_what_people_change(engine: sa.Engine, four: list[int]) -> None:
    def revision() -> object:
        with engine.connect() as connection:
            return connection.scalar(
                sa.text("SELECT revision FROM accounts WHERE id = :id"), {"id": four[0]}
            )

    assert revision() == 1
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE accounts SET memo = 'x'"))
    assert revision() == 2
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE accounts SET billed_until = now()"))
    assert revision() == 2


# -- the audit log ---------------------------------------------------------------------------


def agent(account_id: int) -> Actor:
    return Actor("anna", Source.WEB, Role.AGENT, 7, account_id, address="192.0.2.1")


def test_an_agent_reads_what_concerns_its_subtree(engine: sa.Engine, four: list[int]) -> None:
    audit = PostgresAudit(engine)
    lines = [
        AuditLine(operator("root"), "change", "account", f"a{id_}", id_, {"memo": ("", "x")})
        for id_ in four
    ]
    lines.append(AuditLine(operator("root"), "change", "parameters", "platform"))
    with engine.begin() as connection:
        write_audit(connection, lines)
    audit.note(AuditLine(agent(four[1]), "read", "account", "top", four[0], {}, Outcome.DENIED))

    def names(scope: Scope, **wanted: object) -> list[str]:
        rows = audit.page(scope, AuditQuery(**wanted)).rows  # type: ignore[arg-type]
        return [row.name for row in rows]

    everything = ["top", "platform", *(f"a{id_}" for id_ in reversed(four))]
    assert names(EVERYTHING) == everything
    assert names(Scope(four[2])) == [f"a{four[3]}", f"a{four[2]}"]
    assert names(Scope(four[2], subtree=False)) == [f"a{four[2]}"]
    assert names(EVERYTHING, denied_only=True) == ["top"]
    assert names(EVERYTHING, kind="parameters") == ["platform"]
    first = audit.page(EVERYTHING, AuditQuery(limit=4))
    assert (first.rows[0].actor, first.rows[0].address) == ("anna", "192.0.2.1")
    assert first.rows[2].changes == {"memo": ("", "x")}
    rest = audit.page(EVERYTHING, AuditQuery(limit=4, before=first.next_before))
    assert [row.name for row in (*first.rows, *rest.rows)] == everything
    assert rest.next_before is None
    with engine.connect() as connection:
        assert read_last_change(connection, "account", "top", EVERYTHING) is None, "it was denied"
        known = read_last_change(connection, "account", f"a{four[0]}", EVERYTHING)
        hidden = read_last_change(connection, "account", f"a{four[0]}", Scope(four[0]))
    assert known is not None
    assert hidden is not None
    assert (known.who, known.fields) == ("root", ("memo",))
    assert (hidden.who, hidden.fields) == (SOMEBODY_ABOVE, ()), "nor what is noted about itself"


@pytest.mark.parametrize("change", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log"])
def test_no_line_is_changed(engine: sa.Engine, change: str) -> None:
    PostgresAudit(engine).note(AuditLine(operator("root"), "change", "account", "x"))
    with (
        pytest.raises(sa.exc.IntegrityError, match="immutable"),
        engine.begin() as connection,
    ):
        connection.execute(sa.text(change))


def test_secrets_are_not_in_it() -> None:
    before = {"name": "a", "password": "old", "memo": None, "capacity": 3}
    after = {"name": "a", "password": "new", "memo": "x", "limit": 4}
    assert changed(before, after) == {
        "capacity": ("3", ""),
        "limit": ("", "4"),
        "memo": ("", "x"),
        "password": ("(hidden)", "(hidden)"),
    }
