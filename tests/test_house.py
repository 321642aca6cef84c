"""The house itself: the ladder of rooms, and documents that are made and not typed."""

import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pulsefer

ROOT = Path(__file__).parents[1]


def test_a_room_imports_only_lower_rungs():
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_room_stands_on_the_ladder_and_in_the_readme():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    on_ladder = {
        room.strip() for rung in contracts["contracts"][0]["layers"] for room in rung.split("|")
    }
    rooms = {path.parent.name for path in (ROOT / "src" / "pulsefer").glob("*/__init__.py")}
    assert rooms == on_ladder
    readme = (ROOT / "README.md").read_text("utf-8")
    assert all(f"  {room}/" in readme for room in rooms)


def test_the_page_of_choices_is_what_the_docstrings_say():
    made = runpy.run_path(str(ROOT / "docs" / "collect_choices.py"))["page"]()
    assert (ROOT / "docs" / "choices.md").read_text("utf-8") == made, (
        "run: python docs/collect_choices.py"
    )


def test_the_page_of_the_compared_systems_is_what_the_tables_hold():
    made = runpy.run_path(str(ROOT / "docs" / "systems.py"))["page"]()
    assert (ROOT / "docs" / "systems.md").read_text("utf-8") == made, "run: python docs/systems.py"


def test_the_version_is_the_same_everywhere():
    assert f"version: {pulsefer.__version__}" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"## {pulsefer.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_files_that_users_read_name_no_path_of_one_machine():
    for pattern in ("*.md", "docs/*", "results/**/*.json*", "src/**/*.py"):
        for path in ROOT.glob(pattern):
            if path.is_file() and path.suffix != ".png":
                text = path.read_text("utf-8")
                assert str(ROOT) not in text, path
                assert f"{Path.home()}/" not in text, path
