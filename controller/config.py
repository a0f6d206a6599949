"""Settings: from the environment and one TOML file, frozen once read.

docs/settings.md is generated from this module (`tollgate settings --markdown`).
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import AliasChoices, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from controller.domain.errors import InvalidInput

FILE_VARIABLE = "TOLLGATE_CONFIG"


class SwitchKind(StrEnum):
    """Which switch `tollgate run` starts; `external` means one that is started elsewhere."""

    AUTO = "auto"
    FREESWITCH = "freeswitch"
    SIMULATOR = "simulator"
    EXTERNAL = "external"


class Settings(BaseSettings):
    """Every setting. In the environment: the upper-case name after `TOLLGATE_`."""

    model_config = SettingsConfigDict(env_prefix="TOLLGATE_", frozen=True, extra="forbid")

    data_dir: Path = Field(Path("var"), description="Folder of everything that this machine keeps.")
    database_url: str | None = Field(
        None,
        validation_alias=AliasChoices("database_url", "TOLLGATE_DATABASE_URL", "DATABASE_URL"),
        description="PostgreSQL as `postgresql://user:password@host/name`. Without it, an "
        "embedded PostgreSQL runs in the data folder. `DATABASE_URL` is read too.",
    )
    switch: SwitchKind = Field(
        SwitchKind.AUTO,
        description="The switch that `tollgate run` starts: FreeSWITCH where a binary is found "
        "(`FREESWITCH_BIN` or PATH), else the simulator; `external` starts none.",
    )
    switch_id: str = Field(
        "switch-1",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="Name of the switch in records; keep it for the switch's whole life.",
    )
    switch_host: str = Field("127.0.0.1", description="Address of the switch's Event Socket.")
    switch_port: int = Field(8021, ge=1, le=65535, description="Port of the Event Socket.")
    switch_password: str = Field(
        "", repr=False, description="Password of the Event Socket; a started switch gets its own."
    )
    switch_timeout_s: float = Field(
        5.0, gt=0, le=60, description="Longest wait for the switch's reply to a command."
    )
    cdr_spool: Path | None = Field(
        None, description="Folder into which mod_json_cdr writes; default below the data folder."
    )
    sip_port: int = Field(
        5060, ge=1, le=65535, description="SIP port for trunks of a FreeSWITCH that we start."
    )
    phones_sip_port: int = Field(
        5070, ge=1, le=65535, description="SIP port for phones of a FreeSWITCH that we start."
    )
    sip_ip: str = Field("127.0.0.1", description="Address for SIP and RTP of a started switch.")
    web_host: str = Field("127.0.0.1", description="Address on which the web application listens.")
    web_port: int = Field(8080, ge=0, le=65535, description="Port of the web application.")
    web_secure_cookies: bool = Field(
        False, description="Mark cookies Secure; set it wherever HTTPS ends before the application."
    )
    web_trusted_proxies: int = Field(
        0,
        ge=0,
        le=5,
        description="Reverse proxies before the web application that set X-Forwarded-*.",
    )
    password_length: int = Field(
        12, ge=8, le=64, description="Fewest characters of a password that somebody chooses."
    )
    lockout_failures: int = Field(
        5, ge=3, le=50, description="Failed sign-ins of a name after which it is locked."
    )
    lockout_minutes: int = Field(
        15, ge=1, le=1440, description="How long it is locked, from the first of them on."
    )
    api_requests_per_minute: int = Field(
        600, ge=1, le=1_000_000, description="Requests a minute that each API token may send."
    )
    api_without_https: bool = Field(
        False, description="Take API tokens over plain HTTP from other machines too."
    )
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Prometheus port of the controller on loopback; 0: none."
    )
    journal_max_batch: int = Field(
        256, ge=1, le=5000, description="Most admissions and settlements in one commit."
    )
    journal_max_waiting: int = Field(
        5000,
        ge=1,
        le=1_000_000,
        description="Entries waiting for the database beyond which new calls are refused.",
    )
    lease_renew_s: float = Field(
        1.0,
        gt=0,
        le=20,
        description="How often the controller that owns the switch says that it is alive.",
    )
    lease_lapse_s: float = Field(
        3.0,
        gt=0,
        le=60,
        description="How long after that a standby takes the switch over; at least twice as long. "
        "The same for all controllers of a switch.",
    )
    simulator_cps: float = Field(
        2.0, ge=0, le=5000, description="Calls per second that the simulator makes by itself."
    )
    log_level: str = Field(
        "INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="Lowest level that is logged."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What was given in code wins, then the environment, then the file."""
        file = os.environ.get(FILE_VARIABLE)
        toml = (TomlConfigSettingsSource(settings_cls, Path(file)),) if file else ()
        return (init_settings, env_settings, *toml)

    @model_validator(mode="after")
    def _room_for_a_second_try(self) -> Self:
        if self.lease_lapse_s < 2 * self.lease_renew_s:
            raise ValueError("lease_lapse_s must be at least twice lease_renew_s")
        return self

    @property
    def spool_dir(self) -> Path:
        return self.cdr_spool or self.data_dir / "freeswitch" / "spool" / "json_cdr"


def load_settings(**given: Any) -> Settings:
    """Settings from the environment and the file named by TOLLGATE_CONFIG.

    Raises InvalidInput naming each setting that is wrong.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidInput(f"settings: {wrong}") from None
    except (OSError, ValueError) as error:
        raise InvalidInput(f"settings file: {error}") from None


def settings_markdown() -> str:
    """The reference page of all settings."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        shown = "" if default is None or default == "" else f"`{default}`"
        rows.append(f"| `TOLLGATE_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(
        [
            "# Settings",
            "",
            "Made from `controller/config.py` by `tollgate settings --markdown`. In the TOML file",
            f"named by `{FILE_VARIABLE}` the names are in lower case, without the prefix.",
            "Rules of calls (quantum, longest call, attempts, stop causes) are configuration, not",
            "settings: see docs/configuration.md, section `parameters`.",
            "",
            "| setting | default | meaning |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )
