"""No file of the project knows the machine it was written on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.project_files import ROOT, project_paths, text_files

# Pieces, so that this file does not contain what it looks for.
REGISTRY_HOSTS = [
    ".".join(pieces)
    for pieces in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("deb", "debian", "org"),
        ("snapshot", "debian", "org"),
        ("security", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("registry", "npmjs", "org"),
        ("proxy", "golang", "org"),
        ("static", "crates", "io"),
        ("conda", "anaconda", "org"),
        ("jfrog", "io"),
        ("ghcr", "io"),
        ("docker", "io"),
    )
]
# Ada is the user of examples; everyone else is somebody.
HOME_FOLDERS = "/home/(?!ada/|ada\\b)[a-z]", "/Users/(?!ada/|ada\\b)[A-Za-z]", "/ro" + "ot/"
WORK_FOLDER = "/wo" + "rk/"
MACHINE_PATH = re.compile(rf"(?<![\w.~}}-])({'|'.join([*HOME_FOLDERS, WORK_FOLDER])})")
REGISTRY_HOST = re.compile("|".join(map(re.escape, REGISTRY_HOSTS)), re.IGNORECASE)


def machine_paths(text: str, checkout: Path = ROOT) -> list[str]:
    """Paths that exist on one machine only, this checkout's own among them."""
    found = [match.group() for match in MACHINE_PATH.finditer(text)]
    # A checkout in a folder right under `/` has too short a name to look for.
    return found + [str(checkout)] * (len(checkout.parts) > 2 and str(checkout) in text)


def test_no_file_holds_a_path_of_the_machine_it_was_written_on():
    found = {str(path.relative_to(ROOT)): machine_paths(text) for path, text in text_files()}

    assert {path: paths for path, paths in found.items() if paths} == {}


def test_no_file_names_the_host_of_a_package_registry():
    found = {
        str(path.relative_to(ROOT)): REGISTRY_HOST.findall(text) for path, text in text_files()
    }

    assert {path: hosts for path, hosts in found.items() if hosts} == {}


def test_the_search_covers_the_lock_file_the_sources_and_the_ci_script():
    names = {str(path.relative_to(ROOT)) for path, _ in text_files()}

    assert {"requirements.lock", "src/framefarm/__init__.py", ".ci/run", "Makefile"} <= names
    assert not any(name.startswith((".venv/", ".git/", ".tools/")) for name in names)


@pytest.mark.parametrize("path", [WORK_FOLDER + "main", "/home/" + "bob/x", "/ro" + "ot/.ssh"])
def test_a_machine_path_is_found_anywhere_in_a_line(path):
    assert machine_paths(f'cache = "{path}"')


@pytest.mark.parametrize("text", ["/home/ada/shot.blend", "a/work/b", "~/work", "GET /api/jobs"])
def test_paths_of_examples_and_urls_are_no_machine_paths(text):
    assert machine_paths(text) == []


def test_the_checkouts_own_folder_is_found(tmp_path):
    assert machine_paths(f"cd {tmp_path} && make", checkout=tmp_path) == [str(tmp_path)]


def test_a_registry_host_is_found_in_a_url_whatever_its_case():
    assert REGISTRY_HOST.search("--index-url https://" + "Pypi." + "ORG/simple")


def test_ignored_and_hidden_folders_are_left_out(tmp_path):
    (tmp_path / ".gitignore").write_text("/out/\n__pycache__/\n*.log\n", encoding="utf-8")
    for name in ("a.py", "out/b.py", "src/out/c.py", "src/__pycache__/d.py", "e.log", ".idea/f"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")

    found = {path.relative_to(tmp_path).as_posix() for path in project_paths(tmp_path)}

    assert found == {".gitignore", "a.py", "src/out/c.py"}
