"""`framefarm notify` and its commands."""
