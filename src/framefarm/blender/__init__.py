"""FrameFarm's blender."""
