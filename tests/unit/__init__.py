"""Unit tests: pure domain, services with fakes, drivers against scripted peers."""
