"""Where to go after signing in: a page of ours, never another site."""

from urllib.parse import urlsplit


def own_path(target: str) -> str:
    """`target` if it is a path of this site, else empty.

    Browsers read `//host`, `/\\host` and control characters in ways that lead elsewhere.
    """
    if not target.startswith("/") or target.startswith("//") or "\\" in target:
        return ""
    if not target.isprintable() or len(target) > 2000:
        return ""
    parts = urlsplit(target)
    return "" if parts.scheme or parts.netloc else target
