"""`python -m controller.persistence.rate_index FOLDER GROUP VERSION MODE SNAPSHOT`: build a file.

Started by `files.py`, never by hand: its own process, so that the one that decides calls goes on
deciding. Exit status 1 with one line on stderr if the file could not be built.
"""

import os
import sys
from pathlib import Path

import psycopg

from controller.domain.sections import SectionMode
from controller.persistence.rate_index.files import URL_VARIABLE, build_file
from controller.persistence.rate_index.layout import Identity
from controller.persistence.rate_index.stored import content_of, database_of

_NICENESS = 5


def main(folder: str, group_id: str, version: str, mode: str, snapshot: str) -> int:
    os.nice(_NICENESS)
    try:
        with psycopg.connect(os.environ[URL_VARIABLE], connect_timeout=10) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            connection.execute(psycopg.sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
            identity = Identity(
                database_of(connection),
                int(group_id),
                int(version),
                SectionMode(mode),
                content_of(connection, int(group_id)),
            )
            build_file(connection, Path(folder), identity)
    except (psycopg.Error, OSError, OverflowError) as error:
        print(" ".join(str(error).split()) or type(error).__name__, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
