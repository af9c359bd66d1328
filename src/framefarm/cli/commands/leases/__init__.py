"""`framefarm leases` and its commands."""
