"""FrameFarm's core."""
