"""FrameFarm's media."""
