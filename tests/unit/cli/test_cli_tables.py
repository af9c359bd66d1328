from __future__ import annotations

from framefarm.cli.tables import table


def test_the_flexible_column_is_cut_to_the_page():
    rows = [("1", "a" * 200, "running"), ("22", "b", "done")]

    lines = table(("JOB", "NAME", "STATE"), rows, flexible=1, right=(0,), width=40).splitlines()

    assert max(map(len, lines)) == 40
    assert lines[0].startswith("JOB  NAME")
    assert lines[1].startswith("  1  aaa")
    assert "…" in lines[1]
    assert lines[2].endswith("done")


def test_line_feeds_and_blanks_in_cells_do_not_break_the_table():
    assert len(table(("A", "B"), [("x\ny", "  z  ")], flexible=0, width=80).splitlines()) == 2


def test_a_table_without_rows_has_its_headings():
    assert table(("A", "B"), [], flexible=0, width=80) == "A     B"
