"""FrameFarm's protocol."""
