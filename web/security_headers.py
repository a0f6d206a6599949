"""Headers on every answer. The policy allows no inline script or style and no other origin."""

from flask import Response, request

from web.context import config

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_A_YEAR_S = 365 * 24 * 3600


def add(response: Response) -> Response:
    """Static files with a version in their address may be kept; pages never are."""
    for name, value in ALWAYS.items():
        response.headers[name] = value
    if request.is_secure and config().hsts_s:
        response.headers["Strict-Transport-Security"] = f"max-age={config().hsts_s}"
    if request.endpoint == "static" and "v" in request.args and response.status_code < 400:
        response.headers["Cache-Control"] = f"public, max-age={_A_YEAR_S}, immutable"
    else:
        response.headers["Cache-Control"] = "no-store"
    return response
