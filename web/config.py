"""Settings of the web application; `bootstrap` makes them from the platform's settings."""

import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WebConfig:
    """`secret_key` signs the form cookie: give every process the same, or open forms fail after
    a restart (people stay signed in). `secure_cookies` None: Secure exactly where the request
    came by HTTPS. `trusted_proxies`: how many proxies before us set X-Forwarded-For and -Proto;
    with a wrong number either everybody shares one address or anybody can feign one.
    `api_without_https`: tokens are taken over plain HTTP from other machines too.
    `api_requests_per_minute`: of each token that has no other allowance."""

    secret_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    secure_cookies: bool | None = None
    trusted_proxies: int = 0
    hsts_s: int = 30 * 24 * 3600
    page_size: int = 50
    live_rows: int = 200
    export_rows: int = 1_000_000
    api_without_https: bool = False
    api_requests_per_minute: int = 600
