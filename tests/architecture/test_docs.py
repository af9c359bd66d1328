"""The generated pages of docs/ say what the code says."""

from __future__ import annotations

from framefarm.core.states import LIFECYCLES
from scripts import generate_docs


def test_generated_pages_are_up_to_date():
    assert generate_docs.outdated() == [], "run: python -m scripts.generate_docs"


def test_a_changed_page_is_found_and_written_again(tmp_path):
    assert generate_docs.write(tmp_path) == list(generate_docs.PAGES)
    page = tmp_path / "explanation" / "states.md"
    right = page.read_text(encoding="utf-8")
    page.write_text(right + "by hand\n", encoding="utf-8")

    assert generate_docs.outdated(tmp_path) == ["explanation/states.md"]
    assert generate_docs.write(tmp_path) == ["explanation/states.md"]
    assert page.read_text(encoding="utf-8") == right


def test_the_page_of_states_shows_every_lifecycle():
    page = generate_docs.states_page()

    for table in LIFECYCLES:
        assert f"## {table.name.capitalize()}\n" in page
        for (state, event), after in table.moves.items():
            assert f"| {state} | {event} | {after} |" in page
    assert page.count("```mermaid\n") == len(LIFECYCLES)


def test_check_exits_1_and_names_the_page_that_is_out_of_date(monkeypatch, capsys):
    assert generate_docs.main(["--check"]) == 0
    monkeypatch.setattr(generate_docs, "PAGES", {"explanation/states.md": lambda: "other"})

    assert generate_docs.main(["--check"]) == 1
    assert "docs/explanation/states.md is out of date" in capsys.readouterr().err
