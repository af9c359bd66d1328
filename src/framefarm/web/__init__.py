"""FrameFarm's web."""
