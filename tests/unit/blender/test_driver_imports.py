from __future__ import annotations

import ast
import sys
from pathlib import Path

import framefarm.blender

DRIVER = Path(framefarm.blender.__file__).parent / "driver"
BLENDERS_OWN = {"bpy", "gpu", "mathutils"}
NEWER_THAN_PYTHON_3_10 = {"tomllib", "asyncio.TaskGroup"}


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def test_the_driver_imports_only_what_every_blender_has() -> None:
    allowed = (set(sys.stdlib_module_names) | BLENDERS_OWN) - NEWER_THAN_PYTHON_3_10
    files = sorted(DRIVER.glob("*.py"))
    assert len(files) > 5
    for file in files:
        strangers = imported(ast.parse(file.read_text())) - allowed
        assert not strangers, f"{file.name} imports {strangers}"


def test_the_driver_is_python_of_blender_3_4() -> None:
    for file in DRIVER.glob("*.py"):
        ast.parse(file.read_text(), feature_version=(3, 10))
