"""`framefarm users` and its commands."""
