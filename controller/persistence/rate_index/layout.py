"""The file of a compiled deck: sections of one number type each, behind a header that is checked.

    magic, format, lengths and checksums │ header (JSON) │ sections, each at a multiple of 8

A file is trusted only if every byte of it is as it was written, and if it says that it is what was
asked for: it decides what calls cost. It is written under another name and renamed, so that
nobody sees a half; it need not be flushed, for after a power cut the checksum tells.
"""

import os
import struct
import sys
import tempfile
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from controller.domain.sections import SectionMode
from controller.persistence.rate_index.deck import Deck, LeftOut
from controller.persistence.rate_index.intervals import MAX_WIDTH, intervals_of

FORMAT = 1
UNFINISHED = ".tmp"

_MAGIC = b"TGRATES\n"
# magic, format, bytes of the header, checksums of the header and of what follows it, bytes in all
_PREAMBLE = struct.Struct("<8sIIIIQ")
_ALIGNMENT = 8
_LARGEST_HEADER = 1 << 20


class DamagedIndex(Exception):
    """A file that is not what it should be; it is built again."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a file is of: rates of a version, as a database had them, read in a mode."""

    database: str
    group_id: int
    version: int
    mode: SectionMode
    content: str

    @property
    def file_name(self) -> str:
        return f"{self.database}-{self.group_id}-{self.version}-{self.mode}.v{FORMAT}"


class Header(NamedTuple):
    """What is not an array: sizes, and what was left out."""

    width: int
    cell_digits: int
    prefixes: int
    left_out: LeftOut


class Sections(NamedTuple):
    """The arrays, as `intervals.Intervals` explains them.

    `texts` are the entries, each a JSON array of its rates, one after the other; `ends` says where
    each ends. `long` is a JSON object of the prefixes that no interval holds, with their entries.
    """

    cells: memoryview
    starts: memoryview
    answers: memoryview
    owners: memoryview
    answers_of: memoryview
    parents: memoryview
    ends: memoryview
    texts: memoryview
    long: memoryview


_TYPES: tuple[Literal["B", "I", "Q"], ...] = ("I", "Q", "I", "I", "I", "I", "Q", "B", "B")
"""Of the sections, in their order: as bytes, 32 and 64 bits."""


def pack(deck: Deck, identity: Identity) -> list[bytes]:
    """The file's bytes, in parts."""
    short = {p: entry for p, entry in deck.by_prefix.items() if len(p) <= MAX_WIDTH}
    long = {p: entry for p, entry in deck.by_prefix.items() if len(p) > MAX_WIDTH}
    intervals = intervals_of(short)
    texts = [b"[%b]" % b",".join(entry) for entry in deck.entries]
    sections: list[array[int]] = [
        intervals.cells,
        intervals.starts,
        intervals.answers,
        intervals.owners,
        intervals.answers_of,
        intervals.parents,
        array("Q", accumulate(map(len, texts))),
        array("B", b"".join(texts)),
        array("B", orjson.dumps(long)),
    ]
    assert tuple(section.typecode for section in sections) == _TYPES
    parts = [_padded(section.tobytes()) for section in sections]
    header = _padded(
        orjson.dumps(
            {
                "identity": asdict(identity),
                "byte_order": sys.byteorder,
                "width": intervals.width,
                "cell_digits": intervals.cell_digits,
                "prefixes": len(deck.by_prefix),
                "left_out": [deck.left_out.rows, deck.left_out.examples],
                "sections": [len(section) for section in sections],
            }
        ),
        b" ",
    )
    return [_preamble(header, parts), header, *parts]


def write(parts: Iterable[bytes], path: Path) -> None:
    """All of it or nothing, readable by its owner only."""
    handle, name = tempfile.mkstemp(suffix=UNFINISHED, prefix=f"{path.name}.", dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def unpack(buffer: memoryview, identity: Identity) -> tuple[Header, Sections]:
    """Header and sections, without a copy. Raises DamagedIndex unless all of it is as written."""
    header, body = _checked(buffer)
    _expect(header.get("identity") == asdict(identity), "it is of other rates")
    _expect(header["byte_order"] == sys.byteorder, "it is of another kind of machine")
    count, examples = header["left_out"]
    return (
        Header(
            header["width"],
            header["cell_digits"],
            header["prefixes"],
            LeftOut(count, tuple((prefix, why) for prefix, why in examples)),
        ),
        Sections(*_cut(body, header["sections"])),
    )


def _preamble(header: bytes, parts: list[bytes]) -> bytes:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    length = _PREAMBLE.size + len(header) + sum(map(len, parts))
    return _PREAMBLE.pack(_MAGIC, FORMAT, len(header), zlib.crc32(header), checksum, length)


def _checked(buffer: memoryview) -> tuple[dict[str, Any], memoryview]:
    """The header and what follows it. The checksum of all runs without the interpreter's lock."""
    _expect(len(buffer) >= _PREAMBLE.size, "it is cut off")
    magic, format_, header_length, header_checksum, checksum, length = _PREAMBLE.unpack_from(buffer)
    _expect(magic == _MAGIC, "it is no index")
    _expect(format_ == FORMAT, f"its format is {format_}")
    _expect(length == len(buffer), f"{len(buffer)} bytes instead of {length}")
    _expect(header_length <= _LARGEST_HEADER, "its header is too long")
    header = buffer[_PREAMBLE.size : _PREAMBLE.size + header_length]
    _expect(zlib.crc32(header) == header_checksum, "its header is damaged")
    body = buffer[_PREAMBLE.size + header_length :]
    _expect(zlib.crc32(body) == checksum, "it is damaged")
    parsed: dict[str, Any] = orjson.loads(header)
    return parsed, body


def _cut(body: memoryview, counts: list[int]) -> Iterable[memoryview]:
    at = 0
    for typecode, count in zip(_TYPES, counts, strict=True):
        length = count * array(typecode).itemsize
        yield body[at : at + length].cast(typecode)
        at += -(-length // _ALIGNMENT) * _ALIGNMENT


def _padded(part: bytes, filling: bytes = b"\0") -> bytes:
    return part + filling * (-len(part) % _ALIGNMENT)


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DamagedIndex(otherwise)
