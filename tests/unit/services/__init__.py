"""Services, with fakes behind their ports."""
