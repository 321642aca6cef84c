"""What people read of problems: the worst first, and many of one kind counted."""

from pulsefer.app.console import ALIKE, SHOWN, problems_of
from pulsefer.core.errors import Problem


def told(problems, capsys):
    problems_of(problems)
    return capsys.readouterr().err.splitlines()


def test_many_alike_are_counted_and_a_few_are_named(capsys):
    many = [Problem(f"{n:03d}.jpg", "a face", "none") for n in range(500)]
    lines = told([Problem("odd.jpg", "a picture", "text"), *many], capsys)
    assert len(lines) == ALIKE + 2
    assert lines[0] == "error 000.jpg: expected a face, found none"
    assert lines[ALIKE] == f"error … and {500 - ALIKE} more like it"
    assert "odd.jpg" in lines[-1]


def test_a_count_of_one_is_no_shorter_than_its_line(capsys):
    lines = told([Problem(f"{n}", "a", "b") for n in range(ALIKE + 1)], capsys)
    assert [line.startswith("error ") and "more" not in line for line in lines] == [True] * 4


def test_the_worst_come_first(capsys):
    problems = [
        Problem("c", "1", "2", severity="note"),
        Problem("a", "1", "2", severity="warning"),
        Problem("b", "1", "2"),
    ]
    assert [line.split()[0] for line in told(problems, capsys)] == ["error", "warning", "note"]


def test_different_problems_without_end_are_cut_and_counted(capsys):
    lines = told([Problem(f"{n:02d}", "a", f"{n}") for n in range(SHOWN + 5)], capsys)
    assert len(lines) == SHOWN + 1
    assert lines[-1] == "… and 5 more lines"


def test_nothing_is_said_of_nothing(capsys):
    assert told([], capsys) == []


def test_brackets_in_a_name_are_not_taken_for_colours(capsys):
    (line,) = told([Problem("[red]x[/red].avi", "a", "b")], capsys)
    assert "[red]x[/red].avi" in line
