"""The trace of a decision: each step, what was found, and why candidates lost.

Kept with the CDR and printed by `tollgate explain call`, from the very same run of the code.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Trace:
    """Steps in order: (step, verdict, detail). Built during one decision, then only read."""

    steps: list[tuple[str, str, str]] = field(default_factory=list)

    def note(self, step: str, verdict: str, detail: str = "") -> None:
        self.steps.append((step, verdict, detail))
