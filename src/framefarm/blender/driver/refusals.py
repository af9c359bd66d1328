"""Why the driver says no: the stable kinds of `RefusedError`."""

from __future__ import annotations

KINDS = frozenset(
    {
        "open",  # the file cannot be opened by this Blender
        "no_file",  # nothing is open yet
        "no_scene",  # no scene of that name
        "no_camera",  # the scene has no camera
        "no_camera_named",  # no camera of that name
        "engine",  # this Blender has no such engine, or it cannot run here
        "format",  # no still format of this Blender
        "setting",  # a value out of range
        "device",  # no such device here
        "output",  # the folder for results cannot be written
        "render",  # Blender gave up on the frame
        "driver",  # a fault of this program
    }
)
