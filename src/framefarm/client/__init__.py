"""FrameFarm's client."""
