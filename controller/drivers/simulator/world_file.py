"""A world as a JSON file, for a simulator in a process of its own.

The keys are the fields of the dataclasses in `world`; what is left out has their defaults. A
length of time may be a plain number of seconds. What is wrong is named by its path in the file.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import orjson

from controller.drivers.simulator.world import Distribution, Shape, TrafficProfile, World

_T = TypeVar("_T")


class WorldFileError(ValueError):
    """The file is not a world; the message names the place and what is wrong there."""


def read_world(path: Path) -> World:
    """Read a world; raises WorldFileError, OSError."""
    return _parse_file(path, World)


def read_traffic(path: Path) -> TrafficProfile:
    """Read a traffic profile; raises WorldFileError, OSError."""
    return _parse_file(path, TrafficProfile)


def parse_world(data: object) -> World:
    """A world from decoded JSON; raises WorldFileError."""
    return _build(World, data, "world")


def _parse_file(path: Path, into: type[_T]) -> _T:
    try:
        data = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise WorldFileError(f"{path}: {error}") from error
    return _build(into, data, path.name)


def _build(into: type[_T], data: object, where: str) -> _T:
    if into is Distribution and isinstance(data, int | float):
        data = {"mean_s": data}
    if not isinstance(data, Mapping):
        raise WorldFileError(f"{where}: expected an object")
    hints = typing.get_type_hints(into)
    unknown = set(data) - set(hints)
    if unknown:
        raise WorldFileError(f"{where}: unknown {', '.join(sorted(map(str, unknown)))}")
    values = {name: _convert(hints[name], value, f"{where}.{name}") for name, value in data.items()}
    try:
        return into(**values)
    except TypeError as error:
        raise WorldFileError(f"{where}: {error}") from error


def _convert(hint: Any, value: object, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is tuple:
        return _convert_tuple(hint, value, where)
    if origin is types.UnionType:
        return None if value is None else _convert(typing.get_args(hint)[0], value, where)
    if origin is not None and issubclass(origin, Mapping):
        return _convert_mapping(hint, value, where)
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type[Any], hint), value, where)
    return _convert_scalar(hint, value, where)


def _convert_tuple(hint: Any, value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise WorldFileError(f"{where}: expected a list")
    item = typing.get_args(hint)[0]
    return tuple(_convert(item, each, f"{where}[{place}]") for place, each in enumerate(value))


def _convert_mapping(hint: Any, value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise WorldFileError(f"{where}: expected an object")
    item = typing.get_args(hint)[1]
    return {str(key): _convert(item, each, f"{where}.{key}") for key, each in value.items()}


def _convert_scalar(hint: Any, value: object, where: str) -> Any:
    if hint is Shape:
        try:
            return Shape(str(value))
        except ValueError as error:
            raise WorldFileError(f"{where}: {error}") from error
    accepted = {float: (int, float), int: (int,), bool: (bool,), str: (str,)}[hint]
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        raise WorldFileError(f"{where}: expected {hint.__name__}")
    if hint in (int, float) and value < 0:  # type: ignore[operator]
        raise WorldFileError(f"{where}: must not be negative")
    return value
