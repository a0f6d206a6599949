"""Every check of the project, cheapest first: `./tollgate check [pytest arguments]`."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent

CHECKS = (
    ("format", ("ruff", "format", "--check", "--quiet", ".")),
    ("lint", ("ruff", "check", "--quiet", ".")),
    ("architecture", ("lint-imports", "--no-logo")),
    ("types", ("mypy",)),
)


def main() -> int:
    """0 when all is well. Everything runs, whatever failed before it; tests come last."""
    failed = [name for name, command in CHECKS if not _passes(name, command)]
    tests = subprocess.run([TOOLS / "pytest", *sys.argv[1:]], cwd=ROOT, check=False)
    if failed:
        sys.stderr.write(f"failed before the tests: {', '.join(failed)}\n")
    return 1 if failed or tests.returncode else 0


def _passes(name: str, command: tuple[str, ...]) -> bool:
    began = time.monotonic()
    done = subprocess.run([TOOLS / command[0], *command[1:]], cwd=ROOT, check=False)
    verdict = "ok" if done.returncode == 0 else "FAILED"
    sys.stdout.write(f"{name}: {verdict} ({time.monotonic() - began:.1f} s)\n")
    sys.stdout.flush()
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
