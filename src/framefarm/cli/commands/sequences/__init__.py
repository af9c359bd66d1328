"""`framefarm sequences` and its commands."""
