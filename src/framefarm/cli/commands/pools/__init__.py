"""`framefarm pools` and its commands."""
