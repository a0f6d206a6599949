"""What a leg looks like in events: caller profile headers and channel variables. No I/O.

Names, values and order follow events recorded from a real switch. Variables are kept under the
names that they have in events (`variable_…`).
"""

from typing import Final

from controller.drivers.simulator.draws import CallerScript
from controller.drivers.simulator.media import CODEC, Headers, session_description

_TIMES: Final[Headers] = {
    f"Caller-{name}": "0"
    for name in (
        "Channel-Answered-Time",
        "Channel-Progress-Time",
        "Channel-Progress-Media-Time",
        "Channel-Hangup-Time",
        "Channel-Transfer-Time",
        "Channel-Resurrect-Time",
        "Channel-Bridged-Time",
        "Channel-Last-Hold",
        "Channel-Hold-Accum",
    )
}
_PRIVACY: Final[Headers] = {
    "Caller-Screen-Bit": "true",
    "Caller-Privacy-Hide-Name": "false",
    "Caller-Privacy-Hide-Number": "false",
}


def inbound_headers(
    script: CallerScript, uuid: str, channel_name: str, created: str, switch_address: str
) -> Headers:
    """Profile and variables of a leg that came in, before the dialplan has touched it."""
    return {
        **_inbound_profile(script, uuid, channel_name, created),
        **_inbound_variables(script, uuid, channel_name, created, switch_address),
    }


def _inbound_profile(script: CallerScript, uuid: str, channel_name: str, created: str) -> Headers:
    name = script.caller_name or script.caller
    return {
        "Caller-Direction": "inbound",
        "Caller-Logical-Direction": "inbound",
        "Caller-Username": script.caller,
        "Caller-Dialplan": "XML",
        "Caller-Caller-ID-Name": name,
        "Caller-Caller-ID-Number": script.caller,
        "Caller-Orig-Caller-ID-Name": name,
        "Caller-Orig-Caller-ID-Number": script.caller,
        "Caller-Network-Addr": script.source_ip,
        "Caller-ANI": script.caller,
        "Caller-Destination-Number": script.callee,
        "Caller-Unique-ID": uuid,
        "Caller-Source": "mod_sofia",
        "Caller-Context": script.context,
        "Caller-Channel-Name": channel_name,
        "Caller-Profile-Index": "1",
        "Caller-Profile-Created-Time": created,
        "Caller-Channel-Created-Time": created,
        **_TIMES,
        **_PRIVACY,
    }


def _inbound_variables(
    script: CallerScript, uuid: str, channel_name: str, created: str, switch_address: str
) -> Headers:
    variables: Headers = {
        "variable_direction": "inbound",
        "variable_uuid": uuid,
        "variable_session_id": "0",
        "variable_video_media_flow": "disabled",
        "variable_audio_media_flow": "disabled",
        "variable_text_media_flow": "disabled",
        "variable_channel_name": channel_name,
        "variable_sip_call_id": script.sip_call_id or f"{uuid}@{script.source_ip}",
        "variable_sip_invite_stamp": created,
        "variable_sofia_profile_name": script.profile,
        "variable_sofia_profile_url": f"sip:tollgate@{switch_address}",
        "variable_recovery_profile_name": script.profile,
        "variable_rtp_use_codec_string": "PCMA,PCMU",
        "variable_max_forwards": "70",
        "variable_switch_r_sdp": session_description(script.source_ip, 6000),
        "variable_ep_codec_string": CODEC,
        "variable_endpoint_disposition": "DELAYED NEGOTIATION",
        "variable_call_uuid": uuid,
        **_from_caller(script, uuid[:8]),
        **_to_callee(script.callee, switch_address),
    }
    if script.caller_name:
        variables["variable_sip_from_display"] = script.caller_name
    return variables


def _from_caller(script: CallerScript, tag: str) -> Headers:
    """What the INVITE says of its sender."""
    ip, port, caller = script.source_ip, str(script.source_port), script.caller
    contact = f"{caller}@{ip}:{port}"
    display = f'"{script.caller_name}" ' if script.caller_name else ""
    return {
        "variable_sip_from_user": caller,
        "variable_sip_from_port": port,
        "variable_sip_from_uri": contact,
        "variable_sip_from_host": ip,
        "variable_sip_network_ip": ip,
        "variable_sip_network_port": port,
        "variable_sip_received_ip": ip,
        "variable_sip_received_port": port,
        "variable_sip_via_protocol": "udp",
        "variable_sip_from_user_stripped": caller,
        "variable_sip_from_tag": tag,
        "variable_sip_full_via": f"SIP/2.0/UDP {ip}:{port};branch=z9hG4bK{tag}",
        "variable_sip_full_from": f"{display}<sip:{contact}>;tag={tag}",
        "variable_sip_contact_user": caller,
        "variable_sip_contact_port": port,
        "variable_sip_contact_uri": contact,
        "variable_sip_contact_host": ip,
        "variable_sip_via_host": ip,
        "variable_sip_via_port": port,
    }


def _to_callee(callee: str, switch_address: str) -> Headers:
    """What the INVITE says of whom it is for."""
    ip, _, port = switch_address.partition(":")
    uri = f"{callee}@{switch_address}"
    return {
        "variable_sip_local_network_addr": ip,
        "variable_sip_full_to": f"<sip:{uri}>",
        "variable_sip_req_user": callee,
        "variable_sip_req_port": port,
        "variable_sip_req_uri": uri,
        "variable_sip_req_host": ip,
        "variable_sip_to_user": callee,
        "variable_sip_to_port": port,
        "variable_sip_to_uri": uri,
        "variable_sip_to_host": ip,
    }


def outbound_profile(
    originator: Headers, uuid: str, channel_name: str, number: str, created: str
) -> Headers:
    """The caller profile of a leg toward a vendor, taken from the leg that it is dialed for."""
    return {
        "Caller-Direction": "outbound",
        "Caller-Logical-Direction": "outbound",
        "Caller-Username": originator["Caller-Username"],
        "Caller-Dialplan": "inline",
        "Caller-Caller-ID-Name": originator["Caller-Caller-ID-Name"],
        "Caller-Caller-ID-Number": originator["Caller-Caller-ID-Number"],
        "Caller-Orig-Caller-ID-Name": originator["Caller-Orig-Caller-ID-Name"],
        "Caller-Orig-Caller-ID-Number": originator["Caller-Orig-Caller-ID-Number"],
        "Caller-Callee-ID-Name": "Outbound Call",
        "Caller-Callee-ID-Number": number,
        "Caller-Network-Addr": originator["Caller-Network-Addr"],
        "Caller-ANI": originator["Caller-ANI"],
        "Caller-Destination-Number": number,
        "Caller-Unique-ID": uuid,
        "Caller-Source": "mod_sofia",
        "Caller-Context": originator["Caller-Context"],
        "Caller-Channel-Name": channel_name,
        "Caller-Profile-Index": "1",
        "Caller-Profile-Created-Time": created,
        "Caller-Channel-Created-Time": created,
        **_TIMES,
        **_PRIVACY,
    }


def outbound_variables(
    uuid: str, channel_name: str, profile: str, number: str, host_port: str, switch_address: str
) -> Headers:
    """The variables of a leg toward a vendor that do not depend on the call."""
    host = host_port.partition(":")[0]
    destination = f"{number}@{host_port}"
    ip = switch_address.partition(":")[0]
    return {
        "variable_direction": "outbound",
        "variable_is_outbound": "true",
        "variable_uuid": uuid,
        "variable_session_id": "0",
        "variable_sip_local_network_addr": ip,
        "variable_sip_profile_name": profile,
        "variable_text_media_flow": "disabled",
        "variable_channel_name": channel_name,
        "variable_sip_destination_url": f"sip:{destination}",
        "variable_max_forwards": "68",
        "variable_originator_codec": CODEC,
        "variable_switch_m_sdp": session_description(ip, 6000),
        "variable_originate_early_media": "true",
        "variable_originate_endpoint": "sofia",
        "variable_rtp_use_codec_string": CODEC,
        "variable_local_media_ip": ip,
        "variable_local_media_port": "26182",
        "variable_advertised_media_ip": ip,
        "variable_audio_media_flow": "sendrecv",
        "variable_video_media_flow": "sendrecv",
        "variable_rtp_local_sdp_str": session_description(ip, 26182),
        "variable_sip_outgoing_contact_uri": f"<sip:tollgate@{switch_address}>",
        "variable_sip_req_uri": destination,
        "variable_sip_to_host": host,
        "variable_sip_from_host": ip,
        "variable_sofia_profile_name": profile,
        "variable_recovery_profile_name": profile,
        "variable_sofia_profile_url": f"sip:tollgate@{switch_address}",
    }


def response_variables(number: str, host_port: str, caller: str, ip: str, tag: str) -> Headers:
    """What a leg learns from the vendor's first response that sets up a dialog."""
    host, _, port = host_port.partition(":")
    via = f"SIP/2.0/UDP {ip};rport;branch=z9hG4bK{tag}"
    return {
        "variable_sip_from_display": caller,
        "variable_sip_contact_user": number,
        "variable_sip_recover_contact": f"<sip:{host_port}>",
        "variable_sip_full_via": via,
        "variable_sip_recover_via": via,
        "variable_sip_full_from": f"<sip:{caller}@{ip}>;tag={tag}",
        "variable_sip_full_to": f"<sip:{number}@{host_port}>;tag={tag}",
        "variable_sip_from_user": caller,
        "variable_sip_from_uri": f"{caller}@{ip}",
        "variable_sip_to_user": number,
        "variable_sip_to_port": port,
        "variable_sip_to_uri": f"{number}@{host_port}",
        "variable_sip_contact_uri": host_port,
        "variable_sip_contact_port": port,
        "variable_sip_contact_host": host,
        "variable_sip_to_tag": tag,
        "variable_sip_from_tag": tag,
        "variable_sip_cseq": "123051381",
    }


def answer_variables(host_port: str) -> Headers:
    """What a leg learns from the vendor's description of its media."""
    return {
        "variable_switch_r_sdp": session_description(host_port.partition(":")[0], 6000),
        "variable_ep_codec_string": CODEC,
    }


def network_variables(host_port: str, call_id: str) -> Headers:
    """Where a vendor's response came from."""
    host, _, port = host_port.partition(":")
    return {
        "variable_sip_call_id": call_id,
        "variable_sip_reply_host": host,
        "variable_sip_reply_port": port,
        "variable_sip_network_ip": host,
        "variable_sip_network_port": port,
    }


_SHOWN: Final = """
    Direction Logical-Direction Username Dialplan Caller-ID-Name Caller-ID-Number
    Orig-Caller-ID-Name Orig-Caller-ID-Number Callee-ID-Name Callee-ID-Number Network-Addr ANI
    Destination-Number Unique-ID Source Context Channel-Name Screen-Bit Privacy-Hide-Name
    Privacy-Hide-Number Channel-Last-Hold Channel-Hold-Accum
"""
_SHOWN_TIMES: Final = """
    Profile-Created-Time Channel-Created-Time Channel-Answered-Time Channel-Progress-Time
    Channel-Progress-Media-Time Channel-Hangup-Time Channel-Transfer-Time Channel-Resurrect-Time
    Channel-Bridged-Time
"""
_OTHER: Final = tuple((f"Caller-{name}", f"Other-Leg-{name}") for name in _SHOWN.split())
_OTHER_TIMES: Final = tuple((f"Caller-{n}", f"Other-Leg-{n}") for n in _SHOWN_TIMES.split())
_NO_TIMES: Final[Headers] = {shown: "0" for _, shown in _OTHER_TIMES}


def as_originator(profile: Headers) -> Headers:
    """The caller's profile as its vendors' legs show it.

    Without times: the real switch copies the profile before it has any.
    """
    shown: Headers = {"Other-Type": "originator", **_NO_TIMES}
    shown.update({other: profile[name] for name, other in _OTHER if name in profile})
    return shown


def as_originatee(profile: Headers) -> Headers:
    """The profile of a vendor's leg as the caller's leg shows it once they are joined."""
    shown: Headers = {"Other-Type": "originatee"}
    shown.update({other: profile[name] for name, other in _OTHER if name in profile})
    shown.update({other: profile[name] for name, other in _OTHER_TIMES})
    return shown
