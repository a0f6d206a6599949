"""What the controller can drive. Drivers do not know each other."""
