"""Large decks as files: compiled by a process of their own, mapped into memory by every other.

    stored.py     rates as the database has them, read in bulk
    deck.py       a group's usable rates, equal ones once
    intervals.py  the prefixes of a deck as intervals of numbers
    layout.py     the file: sections, checks, writing
    index.py      the lookup in it
    files.py      which file is wanted, whether it can be trusted, and having it built
    __main__.py   the process that builds one

The reasons are in docs/adr/0010.
"""
