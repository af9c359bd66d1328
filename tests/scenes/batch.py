"""Writes several scenes in one go: `python batch.py '[["OUT.blend", "--samples", "1"], ...]'`.

Starting Blender takes longer than making a scene.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import simple

if __name__ == "__main__":
    for arguments in json.loads(sys.argv[1]):
        simple.write(arguments)
    sys.stdout.flush()
    os._exit(0)  # the wheel's own clean-up may crash
