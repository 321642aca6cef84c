"""The page of a folder: complete, escaped, fetching nothing, quick."""

import dataclasses
import math
import re
import time
from html.parser import HTMLParser

import pytest
from rich_rows import ladder, rich, row, write_rich, write_run

from pulsefer.core.errors import BadInput
from pulsefer.reports.figures_of_rows import series
from pulsefer.reports.groups import groups
from pulsefer.reports.markdown import markdown
from pulsefer.reports.page import write_page
from pulsefer.reports.report import MOST_PICTURES, report
from pulsefer.reports.results import read_results
from pulsefer.reports.row import append
from pulsefer.reports.sheet import first_sheet, full_sheet

HOSTILE = (
    '<script>alert("x")</script>',
    "--><img src=x onerror=alert(1)>",
    r"$\frac{1}{0}$ $\notacommand$ #b3264a",
    r"$\notacommand$",
    "_hidden",
    "a\nb\x00c\u202e",
    "名前 😀",
    "x" * 5000,
    "' onload='alert(1)",
    "",
)


class Strict(HTMLParser):
    """Every element that is opened is closed, in order."""

    VOID = frozenset({"meta", "br", "img", "hr", "link", "input"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(html):
    parser = Strict()
    parser.feed(html)
    assert parser.open == []
    return parser


def page_of(folder, tmp_path):
    page, problems = report(read_results(folder), command="pulsefer report x")
    return write_page(page, tmp_path / "page.html").read_text("utf-8"), problems


@pytest.fixture(scope="module")
def rich_html(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rich")
    html, problems = page_of(write_rich(folder / "results"), folder)
    assert problems == []
    return html


def test_a_page_says_first_what_was_found_and_then_how(rich_html):
    places = [rich_html.index(f">{title}</h") for title in
              ("What was found", "Tables and figures", "What this does not show",
               "How it was done", "Methods, to paste")]  # fmt: skip
    assert places == sorted(places)
    assert "Synthetic data." in rich_html
    for part in (
        "Leakage gap", "by subject_x_stimulus", "96.5 % (Table 4)", "best_on_test", "(leaky)",
        "pulsefer report x", "the clips, watched by other persons", "not a result",
    ):  # fmt: skip
        assert part in rich_html


def test_a_page_has_the_figures_that_its_data_allow(rich_html):
    labels = re.findall(r'<div role="img" aria-label="([^"]+)"', rich_html)
    # Ladder; beta and its pair, epoch, window length; calibration, persons.
    assert len(labels) == rich_html.count("</svg>") == 7
    for part in ("by window_within: MTL 94.0 %", "Along beta: 0: STL 55.0 %",
                 "MTL: lowest, 0.634, at epoch 6", "Along window length (s): 1: STL 56.0 %",
                 "by subject, STL − MTL, beta 0.01: -6.0 points",
                 "said 0.", "of 11 persons above 50 %"):  # fmt: skip
        assert any(part in label for label in labels), part
    assert rich_html.count("Rings: labels dealt to other trials") == 1


def test_a_page_fetches_nothing_and_has_no_script(rich_html):
    found = parsed(rich_html)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(found.tags)
    assert "src" not in found.attributes
    assert "http" not in rich_html.replace("http-equiv", "")
    assert "@import" not in rich_html
    urls = re.findall(r"url\(([^)]*)\)", rich_html)
    assert all(url.startswith("#") for url in urls)
    ids = re.findall(r'\bid="([^"]+)"', rich_html)
    assert len(ids) == len(set(ids))
    assert "default-src 'none'" in rich_html


def test_figures_take_the_colours_of_light_and_dark(rich_html):
    drawn = "".join(re.findall(r"<svg.*?</svg>", rich_html, re.DOTALL))
    assert "var(--accent)" in drawn
    assert "var(--ink)" in drawn
    assert not set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", drawn)) - {"#ffffff"}
    assert "prefers-color-scheme: dark" in rich_html


def test_what_rows_say_is_text_and_nothing_else(tmp_path):
    rows = []
    for word in HOSTILE:
        for name in ("system", "experiment", "dataset", "metric", "protocol", "dimension"):
            changed = [row(value=0.6), row(value=0.9, protocol="window_pooled")]
            rows += [dataclasses.replace(one, **{name: word}) for one in changed]
        rows += [
            dataclasses.replace(one, x_name=word, x=x, system=word)
            for one in (row(), row("hr_rmse_bpm", 9.0, half=1, dimension="heart rate"))
            for x in (1.0, 2.0)
        ]
        rows.append(row("accuracy", paper=0.9, paper_where=word, version=word))
    append(tmp_path / "results" / "rows.jsonl", rows)
    html, _ = page_of(tmp_path / "results", tmp_path)
    found = parsed(html)
    assert not {"script", "img"} & set(found.tags)
    assert not {"onerror", "onload"} & set(found.attributes)
    assert "&lt;script&gt;" in html
    text = markdown(groups(read_results(tmp_path / "results").rows))
    assert "<script" not in text.replace("\\<script", "")


def test_no_rows_is_refused_with_what_makes_them(tmp_path):
    (tmp_path / "results").mkdir()
    with pytest.raises(BadInput, match="pulsefer train STORE --out RUN"):
        report(read_results(tmp_path / "results"), command="")


def test_tables_put_what_counts_first_and_honest_before_leaky():
    (group,) = groups(ladder())
    sheet = first_sheet(group)
    figures = [line[0] for line in sheet.lines]
    assert figures[0] == "valence: balanced accuracy"
    assert figures.index("valence: leakage gap") < figures.index("valence: accuracy")
    protocols = [line[sheet.columns.index("protocol")] for line in sheet.lines
                 if line[0] == "valence: balanced accuracy"]  # fmt: skip
    leaky = [one.endswith("(leaky)") for one in protocols]
    assert leaky == sorted(leaky)
    assert sheet.same["data"] == "synthetic"
    assert sum(line[1] == "no network" for line in sheet.lines) == 7
    assert len(sheet.lines) + sheet.more < len(full_sheet(group).lines) == len(ladder())


def test_guesses_that_differ_between_systems_name_them():
    rows = [row("hr_rmse_train_mean_bpm", value, system=system, dimension="heart rate")
            for system, value in (("MTL", 9.0), ("MTL, random", 5.0))]  # fmt: skip
    (group,) = groups(rows)
    systems = [line[first_sheet(group).columns.index("system")]
               for line in first_sheet(group).lines]  # fmt: skip
    assert systems == ["no network (data of MTL)", "no network (data of MTL, random)"]


def test_markdown_has_every_group_and_what_lines_agree_in():
    text = markdown(groups(rich()))
    assert text.count("### ") == 5
    assert "### leakage · deap (**synthetic**)" in text
    assert "| **best_on_test** |" in text
    assert "data: **synthetic**" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)
    odd = markdown(groups([row(system="a|b *c* [d](e)")]))
    assert r"a\|b \*c\* \[d\](e)" in odd


def test_twenty_thousand_rows_take_seconds(tmp_path):
    metrics = ("balanced_accuracy", "accuracy", "auroc", "ece", "brier", "mcc", "f1_macro", "prior")
    rows = [
        dataclasses.replace(
            row(metric, 0.4 + 0.2 * ((seed + number) % 7) / 7), seed=seed, system=f"arm {number}",
            config=f"{seed}-{number}", protocol=protocol, experiment=f"experiment {number % 9}",
        )
        for seed in range(5)
        for number in range(250)
        for metric in metrics
        for protocol in ("subject", "window_pooled")
    ]  # fmt: skip
    assert len(rows) == 20_000
    append(tmp_path / "results" / "rows.jsonl", rows)
    begin = time.process_time()
    html, problems = page_of(tmp_path / "results", tmp_path)
    took_s = time.process_time() - begin
    assert took_s < 10, took_s  # alone on a machine it is under 5
    assert html.count("</svg>") <= MOST_PICTURES
    assert "more systems in the table" in html
    assert all(one.severity == "note" for one in problems)


def test_runs_that_cannot_be_drawn_are_named_and_the_others_are_drawn(tmp_path):
    folder = tmp_path / "results"
    append(folder / "rows.jsonl", [row()])
    write_run(folder / "good")
    (write_run(folder / "torn", system="STL") / "predictions.parquet").write_bytes(b"PAR1 no")
    write_run(folder / "old", windows={})
    html, problems = page_of(folder, tmp_path)
    assert html.count("</svg>") == 2
    wheres = " ".join(one.where for one in problems)
    assert "torn" in wheres
    assert "old" in wheres


def test_a_run_with_permuted_labels_or_a_leaky_protocol_has_no_calibration(tmp_path):
    folder = tmp_path / "results"
    append(folder / "rows.jsonl", [row()])
    write_run(folder / "one", marks={"permuted_labels": True})
    write_run(folder / "two", protocol_name="window_pooled")
    html, _ = page_of(folder, tmp_path)
    assert "</svg>" not in html


def test_a_methods_paragraph_that_the_run_left_is_taken_as_it_is(tmp_path):
    folder = tmp_path / "results"
    append(folder / "rows.jsonl", [row()])
    (write_run(folder / "one") / "methods.md").write_text("As <we> did it.", "utf-8")
    write_run(folder / "two")
    write_run(folder / "three")
    html, _ = page_of(folder, tmp_path)
    assert "As &lt;we&gt; did it." in html
    assert "<summary>three, two</summary>" in html


def test_figures_without_intervals_are_drawn(tmp_path):
    rows = [dataclasses.replace(one, low=math.nan, high=math.nan) for one in rich()]
    append(tmp_path / "results" / "rows.jsonl", rows)
    html, _ = page_of(tmp_path / "results", tmp_path)
    assert html.count("</svg>") == 5


def test_a_series_draws_the_emotion_by_trial_and_the_heart_rate_by_window():
    along = {"x_name": "length_s", "experiment": "e"}
    rows = [row(value=0.6, x=x, system=f"MTL, {x:g} s", **along) for x in (1.0, 5.0)]
    rows += [
        row(metric, value - x, half=1, x=x, system=f"MTL, {x:g} s", unit="window", n=1440,
            dimension="heart rate", **along)
        for x in (1.0, 5.0)
        for metric, value in (("hr_rmse_bpm", 12.0), ("hr_rmse_train_mean_bpm", 14.0))
    ]  # fmt: skip
    (group,) = groups(rows)
    (picture,) = series(group)
    assert len(picture.figure.axes) == 2
    assert [line.get_label() for line in picture.figure.axes[1].lines][1:] == ["training mean"]


def test_a_table_of_nothing_but_leaky_figures_marks_each_of_them(tmp_path):
    append(tmp_path / "results" / "rows.jsonl", [*ladder()[:1], row(protocol="window_within")])
    html, _ = page_of(tmp_path / "results", tmp_path)
    assert "94.0 % †" in html
    assert "94.0 %<" not in html
