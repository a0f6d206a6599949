"""Hypothesis settings of the domain's tests: many cheap examples, no time limit for each."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "unit", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unit")
