"""FrameFarm's farm."""
