"""`framefarm projects` and its commands."""
