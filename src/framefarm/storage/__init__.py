"""FrameFarm's storage."""
