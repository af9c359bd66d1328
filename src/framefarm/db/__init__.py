"""FrameFarm's db."""
