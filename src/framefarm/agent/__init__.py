"""FrameFarm's agent."""
