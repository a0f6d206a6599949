"""End-to-end tests: a real FreeSWITCH, with SIPp as caller and vendor, on loopback."""
