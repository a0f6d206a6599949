"""The switch's scheduler: sched_hangup, sched_api, sched_transfer and what deletes them.

A task that concerns a live call runs on that call's clock, others in real time.
"""

from collections.abc import Callable
from dataclasses import dataclass

from controller.drivers.simulator.clock import CallClock, Timer
from controller.drivers.simulator.core import Core


@dataclass(slots=True)
class Task:
    """One scheduled task. `runtime` is in epoch seconds of its clock."""

    number: int
    description: str
    group: str
    runtime: int
    timer: Timer


class TaskList:
    """All scheduled tasks of one run of the switch."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._last_number = 0
        self._tasks: dict[int, Task] = {}
        self._groups: dict[str, set[int]] = {}

    def add(
        self,
        clock: CallClock,
        seconds: int,
        group: str,
        description: str,
        action: Callable[[], None],
    ) -> int:
        """Do `action` in so many seconds of this clock; returns the task's number."""
        self._last_number += 1
        number = self._last_number
        at_us = self._core.timer_deadline_us(clock, seconds)
        timer = self._core.timers.at(clock, at_us, self._run, (number, action))
        task = Task(number, description, group, at_us // 1_000_000, timer)
        self._tasks[number] = task
        self._groups.setdefault(group, set()).add(number)
        self._fire("ADD_SCHEDULE", task)
        return number

    def delete(self, number: int) -> int:
        """Delete one task; how many there were."""
        task = self._tasks.get(number)
        if task is None:
            return 0
        task.timer.cancel()
        self._forget(task)
        return 1

    def delete_group(self, group: str) -> int:
        """Delete the tasks of a group; how many there were."""
        numbers = self._groups.get(group)
        if not numbers:
            return 0
        return sum(self.delete(number) for number in sorted(numbers))

    def all(self) -> list[Task]:
        """The tasks, oldest first."""
        return list(self._tasks.values())

    def _run(self, numbered: tuple[int, Callable[[], None]]) -> None:
        number, action = numbered
        task = self._tasks.get(number)
        if task is not None:
            self._forget(task)
            action()

    def _forget(self, task: Task) -> None:
        del self._tasks[task.number]
        group = self._groups[task.group]
        group.discard(task.number)
        if not group:
            del self._groups[task.group]
        self._fire("DEL_SCHEDULE", task)

    def _fire(self, event: str, task: Task) -> None:
        self._core.events.fire(
            event,
            self._core.now_us(),
            lambda: {
                "Task-ID": str(task.number),
                "Task-Desc": task.description,
                "Task-Group": task.group,
                "Task-Runtime": str(task.runtime),
            },
        )
