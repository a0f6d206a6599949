"""Deck files on disk: those that a configuration file names, and those of an export."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from controller.domain.errors import InvalidInput

MAX_BYTES = 128 * 1024 * 1024


def open_deck(path: Path, watch: Callable[[BinaryIO], BinaryIO] | None = None) -> TextIO:
    """A deck as text, the way the CSV reader wants it. Raises InvalidInput.

    `watch` may stand between the file and its decoding, to see how far the reading is.
    """
    binary = open_binary(path, watch)
    return io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape", newline="")


def open_binary(path: Path, watch: Callable[[BinaryIO], BinaryIO] | None = None) -> BinaryIO:
    """A deck as bytes, if it is not too large. Raises InvalidInput."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidInput(f"larger than {MAX_BYTES} bytes")
        binary: BinaryIO = path.open("rb")
    except OSError as error:
        raise InvalidInput(_why(error)) from None
    return watch(binary) if watch else binary


class DeckDirectory:
    """Implements `DeckFiles` for the folder of a configuration file.

    A name may lead into folders below it, never out of it: a file from somebody else must not
    read this machine's other files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    @contextmanager
    def open(self, name: str) -> Iterator[TextIO]:
        try:
            path = (self._folder / name).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise InvalidInput(_why(error)) from None
        if not path.is_relative_to(self._folder):
            raise InvalidInput("is not in the configuration file's folder or below it")
        with open_deck(path) as text:
            yield text


class DeckExport:
    """Writes an export's decks into a folder beside its file."""

    def __init__(self, file: Path) -> None:
        self._folder = file.with_name(f"{file.stem}-decks")

    def write(self, group: str, write: Callable[[TextIO], None]) -> str:
        """The deck's name relative to the file."""
        self._folder.mkdir(exist_ok=True)
        target = self._folder / f"{group}.csv"
        replace_file(target, write)
        return f"{self._folder.name}/{target.name}"


def replace_file(target: Path, write: Callable[[TextIO], None]) -> None:
    """Write a file whole or not at all. Raises InvalidInput where the place can't be written."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            write(file)
        partial.replace(target)
    except OSError as error:
        raise InvalidInput(f"{target}: {_why(error)}") from None
    finally:
        partial.unlink(missing_ok=True)


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
