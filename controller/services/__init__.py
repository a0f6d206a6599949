"""Use cases. Each talks to ports only; what implements them is chosen in `bootstrap`."""
