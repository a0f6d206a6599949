"""Repeatable chance. No I/O.

A seed gives the same draws on every machine and Python version, and each call owns a stream of
its own, so that the order in which calls meet a controller changes nothing in any of them. The
generator is SplitMix64 (Steele, Lea and Flood, 2014): a few integer operations a draw, and free
to start, where the standard library's generator costs more to seed than a call may take.
"""

import math
import os
from typing import Final

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_UNIT: Final = 2.0**-53


def fresh_seed() -> int:
    """A seed that no other run has, for when nobody asked for a repeatable one."""
    return int.from_bytes(os.urandom(8), "big")


class Dice:
    """One stream of draws."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def bits(self) -> int:
        """The next 64 bits."""
        self._state = mixed = (self._state + _GOLDEN) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def share(self) -> float:
        """A number in [0, 1)."""
        # `bits`, written out: this is what nearly every draw calls.
        self._state = mixed = (self._state + _GOLDEN) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((mixed ^ (mixed >> 31)) >> 11) * _UNIT

    def below(self, limit: int) -> int:
        """An integer in [0, limit). The bias is under limit / 2**64."""
        return (self.bits() * limit) >> 64

    def exponential(self, mean: float) -> float:
        """A waiting time with this mean."""
        return -mean * math.log(1.0 - self.share())

    def uuid(self) -> str:
        """A version 4 UUID made of 122 drawn bits."""
        text = f"{self.bits():016x}{self.bits():016x}"
        variant = "89ab"[int(text[16], 16) & 3]
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"

    def split(self, label: int) -> "Dice":
        """A stream of its own for `label`; this one is not advanced."""
        return Dice(Dice(self._state ^ ((label * _GOLDEN) & _MASK)).bits())
