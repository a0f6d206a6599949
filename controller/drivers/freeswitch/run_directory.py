"""The run directory of a FreeSWITCH of our own: shipped configuration in, rendered one out.

Not in a call's path; `launch` starts the switch on what is written here. The shipped
`freeswitch_conf/` is copied, and the values that depend on the machine go into its `vars.xml`;
the Event Socket's password has a file of its own, for the variables of `vars.xml` stay readable
inside the switch. Standard library only.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.domain.errors import InvalidConfiguration

REPOSITORY = Path(__file__).resolve().parents[3]
PROFILES = ("trunks", "phones")

# FreeSWITCH wants all of its folders named, or falls back to those it was built with.
FOLDERS = {
    "-log": "log",
    "-db": "db",
    "-run": "run",
    "-temp": "temp",
    "-storage": "storage",
    "-cache": "cache",
    "-recordings": "recordings",
    "-scripts": "scripts",
    "-certs": "certs",
    "-grammar": "grammar",
    "-htdocs": "htdocs",
}

# The preprocessor works on raw lines: these end a value, start another, or are glob patterns.
_UNSAFE_IN_VALUES = frozenset("\"'<>&$\\\r\n\0*?[]")


@dataclass(frozen=True, slots=True)
class SwitchPorts:
    """Ports on `SwitchConfig.address`; the RTP range is inclusive and even at both ends."""

    event_socket: int = 8021
    trunks: int = 5060
    phones: int = 5070
    rtp_start: int = 16384
    rtp_end: int = 36382


@dataclass(frozen=True, slots=True)
class FreeSwitchPaths:
    """The binary, the shipped folders, and the run directory (created, mode 0700)."""

    binary: Path
    run_dir: Path
    conf: Path = REPOSITORY / "freeswitch_conf"
    dialplan: Path = REPOSITORY / "dialplan"

    def __post_init__(self) -> None:
        # The switch runs in run_dir: relative paths would mean something else there.
        for name in ("binary", "run_dir", "conf", "dialplan"):
            object.__setattr__(self, name, Path(getattr(self, name)).absolute())

    @property
    def conf_rendered(self) -> Path:
        return self.run_dir / "conf"

    @property
    def cdr_spool(self) -> Path:
        return self.run_dir / "spool" / "json_cdr"

    @property
    def log_file(self) -> Path:
        return self.run_dir / "log" / "freeswitch.log"

    @property
    def console_file(self) -> Path:
        return self.run_dir / "log" / "console.log"


@dataclass(frozen=True, slots=True)
class SwitchConfig:
    """What `vars.xml` holds; the meaning of each is in `freeswitch_conf/vars.xml.example`."""

    ports: SwitchPorts = field(default_factory=SwitchPorts)
    address: str = "127.0.0.1"
    public_address: str = ""
    codecs: str = "PCMA,PCMU,G722"
    max_sessions: int = 10_000
    sessions_per_second: int = 2_000
    log_level: str = "warning"
    trunks_context: str = "tollgate"
    dialplan_extra: str = "none.xml"
    bench_vendor: str = "127.0.0.1:5090"

    def variables(self, paths: FreeSwitchPaths) -> dict[str, str]:
        public = self.public_address or self.address
        values: dict[str, object] = {
            "dialplan_dir": paths.dialplan,
            "dialplan_extra": self.dialplan_extra,
            "cdr_spool_dir": paths.cdr_spool,
            "esl_ip": "127.0.0.1",
            "esl_port": self.ports.event_socket,
            "controller_cidr": "127.0.0.1/32",
            "rtp_start_port": self.ports.rtp_start,
            "rtp_end_port": self.ports.rtp_end,
            "max_sessions": self.max_sessions,
            "sessions_per_second": self.sessions_per_second,
            "loglevel": self.log_level,
            "console_loglevel": "crit",
            "trunks_context": self.trunks_context,
            "phones_domain": public,
            "bench_vendor": self.bench_vendor,
        }
        for profile, port in zip(PROFILES, (self.ports.trunks, self.ports.phones), strict=True):
            values[f"{profile}_ip"] = self.address
            values[f"{profile}_port"] = port
            values[f"{profile}_public_ip"] = public
            values[f"{profile}_codecs"] = self.codecs
        return {f"tollgate_{name}": str(value) for name, value in values.items()}


def find_binary(environ: Mapping[str, str] = os.environ) -> Path | None:
    """`FREESWITCH_BIN`, then the PATH. A FREESWITCH_BIN that cannot be run is an error: whoever
    set it does not want another switch, or none, in its place."""
    named = environ.get("FREESWITCH_BIN")
    if not named:
        found = shutil.which("freeswitch", path=environ.get("PATH"))
        return Path(found).resolve() if found else None
    binary = Path(named).absolute()
    if not os.access(binary, os.X_OK) or binary.is_dir():
        raise InvalidConfiguration(f"FREESWITCH_BIN={named} is not an executable file")
    return binary


def render(paths: FreeSwitchPaths, config: SwitchConfig) -> str:
    """Write the run directory and return the generated Event Socket password.

    Everything in it is for the current user only (0700, 0600). Calls' leftovers (spool, logs)
    are kept, the configuration is replaced. Raises InvalidConfiguration.
    """
    variables = config.variables(paths)
    for name, value in variables.items():
        _refuse_unsafe(name, value)
    for shipped in (paths.conf, paths.dialplan):
        if not shipped.is_dir():
            raise InvalidConfiguration(f"{shipped} is missing: the switch's configuration")
    for folder in ("", "spool", "spool/json_cdr", *FOLDERS.values()):
        target = paths.run_dir / folder
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.chmod(0o700)
    shutil.rmtree(paths.conf_rendered, ignore_errors=True)
    shutil.copytree(paths.conf, paths.conf_rendered, copy_function=shutil.copyfile)
    paths.conf_rendered.chmod(0o700)
    password = secrets.token_urlsafe(32)
    write_private(paths.conf_rendered / "vars.xml", _vars_xml(variables))
    write_private(paths.conf_rendered / "esl_password.xml", _password_xml(password))
    return password


def _refuse_unsafe(name: str, value: str) -> None:
    if not value or _UNSAFE_IN_VALUES & set(value):
        raise InvalidConfiguration(f"{name}: {value!r} cannot be written into vars.xml")


def _vars_xml(variables: Mapping[str, str]) -> str:
    lines = [
        f'  <X-PRE-PROCESS cmd="set" data="{name}={value}"/>' for name, value in variables.items()
    ]
    return "\n".join(("<include>", *lines, "</include>", ""))


def _password_xml(password: str) -> str:
    return f'<include>\n  <param name="password" value="{password}"/>\n</include>\n'


def write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
