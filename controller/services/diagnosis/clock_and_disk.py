"""Judgments that several parts of a deployment share."""

from controller.services.doctor import Finding, Status

CLOCK_SLACK_S = 1.0
DISK_WARN_BYTES = 2 * 1024**3
DISK_FAIL_BYTES = 256 * 1024**2


def judge_clock(name: str, ahead_s: float, fatal_s: float) -> Finding:
    detail = f"{abs(ahead_s):.3f} s {'ahead of' if ahead_s >= 0 else 'behind'} this host"
    if abs(ahead_s) < CLOCK_SLACK_S:
        return Finding(name, Status.OK, detail)
    status = Status.FAIL if abs(ahead_s) >= fatal_s else Status.WARN
    return Finding(name, status, detail, "keep both clocks by NTP (chrony, systemd-timesyncd)")


def judge_disk(name: str, free_bytes: int) -> Finding:
    detail = f"{free_bytes / 1024**3:.1f} GiB free"
    if free_bytes >= DISK_WARN_BYTES:
        return Finding(name, Status.OK, detail)
    status = Status.FAIL if free_bytes < DISK_FAIL_BYTES else Status.WARN
    return Finding(name, status, detail, "make room: a full disk loses records")
