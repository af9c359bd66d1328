"""`framefarm workers` and its commands."""
