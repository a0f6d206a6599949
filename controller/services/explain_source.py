"""Where the signaling of a mapping gateway's calls would come from. Pure."""

from controller.domain.configuration import Configuration
from controller.domain.errors import InvalidInput

_SIP_PORT = 5060


def source_of(configuration: Configuration, gateway_name: str | None) -> tuple[str, int]:
    """An address from which calls of this mapping gateway are identified as its own.

    Without a name, of the only one there is. Raises InvalidInput.
    """
    gateways = configuration.mapping_gateways.values()
    if gateway_name is None:
        if len(gateways) != 1:
            raise InvalidInput(f"{len(gateways)} mapping gateways: say --gateway or --source")
        gateway = next(iter(gateways))
    else:
        named = [g for g in gateways if g.name == gateway_name]
        if not named:
            raise InvalidInput(f"no mapping gateway is named {gateway_name[:80]!r}")
        gateway = named[0]
    for ip, port in gateway.addresses:
        for candidate in (port,) if port else (_SIP_PORT, *range(1024, 65536)):
            if configuration.identify(ip, candidate) is gateway:
                return ip, candidate
    raise InvalidInput(f"mapping gateway {gateway.name} has no address: no call can come from it")
