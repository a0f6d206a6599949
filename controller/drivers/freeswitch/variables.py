"""Every name that is exchanged with the switch: channel variables, event fields, causes.

Ours begin with `tollgate_`; the others are FreeSWITCH's. Sample values of each are in
fixtures/event_socket/, recorded from a real switch.
"""

REASON = "tollgate_reason"
ATTEMPT = "tollgate_attempt"
GATEWAY = "tollgate_gateway"
OFFLINE = "tollgate_offline"
TIMER_GROUP = "tollgate"
OWNER_EPOCH = "tollgate_owner_epoch"

# event fields
EVENT_NAME = "Event-Name"
UNIQUE_ID = "Unique-ID"
DIRECTION = "Call-Direction"
ANSWERED_TIME = "Caller-Channel-Answered-Time"
CREATED_TIME = "Caller-Channel-Created-Time"

# channel variables, without the `variable_` that events put before them
UUID = "uuid"
ORIGINATOR = "originator"
SOURCE_IP = "sip_network_ip"
SOURCE_PORT = "sip_network_port"
CALLEE = "sip_req_user"
CALLER = "sip_from_user"
REQUEST_URI = "sip_req_uri"
DISPLAY_NAME = "sip_from_display"
SIP_CALL_ID = "sip_call_id"
START = "start_uepoch"
PROGRESS = "progress_uepoch"
PROGRESS_MEDIA = "progress_media_uepoch"
ANSWER = "answer_uepoch"
END = "end_uepoch"
CAUSE = "hangup_cause"
Q850 = "hangup_cause_q850"
DISPOSITION = "sip_hangup_disposition"
TERM_STATUS = "sip_term_status"
FAILURE_STATUS = "sip_invite_failure_status"
LAST_APPLICATION = "last_app"
LEGS = "originated_legs"
LEG_CAUSES = "originate_causes"

# set by a plan
T38 = "fax_enable_t38"
ON_ANSWER = "api_on_answer"
STOP_CAUSES = "fail_on_single_reject"
GO_ON_AFTER_TIMEOUT = "originate_continue_on_timeout"
HUNT_CAUSE = "originate_disposition"
HUNT_TIMEOUT = "originate_timeout"
LEG_ID = "origination_uuid"
LEG_TIMEOUT = "leg_timeout"
LEG_PROGRESS_TIMEOUT = "leg_progress_timeout"
LEG_CALLER = "origination_caller_id_number"
LEG_CALLER_NAME = "origination_caller_id_name"
LEG_IDENTITY = "sip_cid_type"
RETRY_AFTER = "sip_rh_Retry-After"
CODECS = "absolute_codec_string"
INBOUND_CODECS = "codec_string"

ANSWERED_LEG_CAUSE = "NONE"

TRUNK_PROFILE = "trunks"
ANONYMOUS = "anonymous"
NO_NAME = "_undef_"
"""An empty name would not replace the caller's; this one leaves the display part out."""
