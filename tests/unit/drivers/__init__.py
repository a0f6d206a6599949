"""Drivers, against recorded events and hostile scripted peers."""
