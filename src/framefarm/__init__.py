"""FrameFarm: one farm for every frame."""

__version__ = "0.1.0"
