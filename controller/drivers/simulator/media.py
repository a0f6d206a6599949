"""Media as events show it, though none flows: every call of the simulator speaks PCMA. No I/O."""

from typing import Final

from controller.drivers.simulator.encoding import HeaderValue

Headers = dict[str, HeaderValue]

PREFIX: Final = "variable_"
CODEC: Final = "CORE_PCM_MODULE.PCMA@8000h@20i@64000b"
_IN: Final = "rtp_audio_in_"
_OUT: Final = "rtp_audio_out_"

CODEC_HEADERS: Final[Headers] = {
    "Channel-Read-Codec-Name": "PCMA",
    "Channel-Read-Codec-Rate": "8000",
    "Channel-Read-Codec-Bit-Rate": "64000",
    "Channel-Write-Codec-Name": "PCMA",
    "Channel-Write-Codec-Rate": "8000",
    "Channel-Write-Codec-Bit-Rate": "64000",
}
# Set on a leg once its media is negotiated.
MEDIA_VARIABLES: Final[Headers] = {
    PREFIX + name: value
    for name, value in {
        "video_media_flow": "inactive",
        "text_media_flow": "inactive",
        "remote_video_media_flow": "inactive",
        "remote_text_media_flow": "inactive",
        "remote_audio_media_flow": "sendrecv",
        "audio_media_flow": "sendrecv",
        "rtp_audio_recv_pt": "8",
        "rtp_use_codec_name": "PCMA",
        "rtp_use_codec_rate": "8000",
        "rtp_use_codec_ptime": "20",
        "rtp_use_codec_channels": "1",
        "rtp_last_audio_codec_string": "PCMA@8000h@20i@1c",
        "read_codec": "PCMA",
        "original_read_codec": "PCMA",
        "read_rate": "8000",
        "original_read_rate": "8000",
        "write_codec": "PCMA",
        "write_rate": "8000",
        "dtmf_type": "rfc2833",
        "rtp_2833_send_payload": "101",
        "rtp_2833_recv_payload": "101",
        "rtp_use_timer_name": "soft",
        "rtp_use_pt": "8",
        "rtp_use_ssrc": "722124145",
        "endpoint_disposition": "EARLY MEDIA",
    }.items()
}
# Reported at the end of a leg that had media.
RTP_VARIABLES: Final[Headers] = {
    PREFIX + name: value
    for name, value in {
        _IN + "raw_bytes": "0",
        _IN + "media_bytes": "0",
        _IN + "packet_count": "0",
        _IN + "media_packet_count": "0",
        _IN + "skip_packet_count": "2",
        _IN + "jitter_packet_count": "0",
        _IN + "dtmf_packet_count": "0",
        _IN + "cng_packet_count": "0",
        _IN + "flush_packet_count": "0",
        _IN + "largest_jb_size": "0",
        _IN + "jitter_min_variance": "0.00",
        _IN + "jitter_max_variance": "0.00",
        _IN + "jitter_loss_rate": "0.00",
        _IN + "jitter_burst_rate": "0.00",
        _IN + "mean_interval": "0.00",
        _IN + "flaw_total": "0",
        _IN + "quality_percentage": "100.00",
        _IN + "mos": "4.50",
        _OUT + "raw_bytes": "0",
        _OUT + "media_bytes": "0",
        _OUT + "packet_count": "0",
        _OUT + "media_packet_count": "0",
        _OUT + "skip_packet_count": "0",
        _OUT + "dtmf_packet_count": "0",
        _OUT + "cng_packet_count": "0",
        "rtp_audio_rtcp_packet_count": "0",
        "rtp_audio_rtcp_octet_count": "0",
    }.items()
}


def session_description(address: str, port: int) -> str:
    """The SDP a side offers."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    )
