"""The arrows between packages point the way that docs and pyproject.toml say."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.project_files import ROOT

SOURCES = ROOT / "src" / "framefarm"
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
TIMEOUT_S = 120


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the project in a folder."""
    return subprocess.run(
        [str(LINT_IMPORTS), "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def undocumented(root: Path) -> list[str]:
    """Packages under a folder whose `__init__.py` has no docstring."""
    return [
        str(path.parent.relative_to(root))
        for path in sorted(root.rglob("__init__.py"))
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_every_import_contract_holds():
    done = lint_imports(ROOT)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_an_arrow_that_points_up_is_found(tmp_path):
    shutil.copytree(SOURCES, tmp_path / "src" / "framefarm")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    upward = tmp_path / "src" / "framefarm" / "core" / "upward.py"
    upward.write_text("import framefarm.farm\n", encoding="utf-8")

    done = lint_imports(tmp_path)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "Arrows only point down BROKEN" in done.stdout


def test_every_package_says_in_its_docstring_what_it_is():
    assert undocumented(SOURCES) == []


def test_every_folder_of_sources_is_a_package():
    folders = {path.parent for path in SOURCES.rglob("*.py")}

    assert {folder for folder in folders if not (folder / "__init__.py").exists()} == set()


def test_a_package_without_a_docstring_is_found(tmp_path):
    (tmp_path / "mute").mkdir()
    (tmp_path / "mute" / "__init__.py").write_text("x = 1\n", encoding="utf-8")

    assert undocumented(tmp_path) == ["mute"]
