"""What FrameFarm costs, measured: `python -m benchmarks.NAME [--json]`."""
