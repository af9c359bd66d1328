"""`framefarm uploads` and its commands."""
