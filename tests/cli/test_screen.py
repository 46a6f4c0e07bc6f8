import io

import pytest
from rich.console import Console

from galerne.cli.screen import plain_table


def printed(table, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), highlight=False)
    console.print(table)
    return console.file.getvalue()


def table_of(n_columns: int, *, secondary=None):
    table = plain_table(
        "what it is", *(f"figure {n}" for n in range(n_columns)), title="A title", secondary=secondary
    )
    for row in range(3):
        table.add_row(f"a label of some length {row}", *(f"{row},{n}23.45 MWh" for n in range(n_columns)))
    return table


@pytest.mark.parametrize("width", [40, 60, 80, 110, 200])
def test_no_number_is_cut_and_no_label_squeezed_out_at_any_width(width):
    text = printed(table_of(8), width)
    assert "…" not in text
    assert text.count("a label of") == 3
    for line in text.splitlines():
        assert line.count(",") == line.count("MWh")


def test_what_matters_least_goes_first():
    narrow = printed(table_of(4, secondary=(2, 1)), 60)
    assert "figure 0" not in narrow or "figure 1" not in narrow
    assert "figure 3" in narrow
    assert all(f"figure {n}" in printed(table_of(4, secondary=(2, 1)), 200) for n in range(4))
