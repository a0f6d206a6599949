"""What the doctor's facts mean: each judgment takes what was found, says what to do. Pure."""
