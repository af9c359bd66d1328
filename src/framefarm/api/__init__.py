"""FrameFarm's api."""
