"""FrameFarm's cli."""
