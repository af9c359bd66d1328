from __future__ import annotations

import ast
import sys
from pathlib import Path

import framefarm.blender
import framefarm.processes

DRIVER = Path(framefarm.blender.__file__).parent / "driver"
CHILD = Path(framefarm.processes.__file__).parent / "child"
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


def inside_blender() -> list[Path]:
    return sorted([*DRIVER.glob("*.py"), *CHILD.glob("*.py")])


def imported_from_above(tree: ast.AST) -> set[str]:
    """Modules of FrameFarm's other packages, which the driver names from where it stands."""
    return {
        node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level > 1
    }


def test_the_driver_imports_only_what_every_blender_has() -> None:
    allowed = (set(sys.stdlib_module_names) | BLENDERS_OWN) - NEWER_THAN_PYTHON_3_10
    assert len(inside_blender()) > 5
    for file in inside_blender():
        tree = ast.parse(file.read_text())
        strangers = imported(tree) - allowed
        assert not strangers, f"{file.name} imports {strangers}"
        for module in imported_from_above(tree):
            assert module.startswith("processes.child."), f"{file.name} imports {module}"


def test_the_driver_is_python_of_blender_3_4() -> None:
    for file in inside_blender():
        ast.parse(file.read_text(), feature_version=(3, 10))
