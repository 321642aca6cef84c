"""Collect every `Paper:` and `Choice:` of the source into docs/choices.md.

python docs/collect_choices.py
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "pulsefer"
PAGE = ROOT / "docs" / "choices.md"
HEAD = """# What the paper says, what we chose

Collected from the docstrings by `python docs/collect_choices.py`. *Paper* quotes what Ji & Dong
(IEEE Access 2024) fix; *Choice* is ours, and stands where the decision acts.
"""
MARK = re.compile(r"\b(Paper|Choice): ")


def marks(text: str) -> Iterator[tuple[str, str]]:
    """(Paper or Choice, sentence) of every marked part of a docstring."""
    for paragraph in re.split(r"\n\s*\n|\n(?=\s+\w+: )", text):
        words = " ".join(paragraph.split())
        places = list(MARK.finditer(words))
        for number, place in enumerate(places):
            end = places[number + 1].start() if number + 1 < len(places) else len(words)
            yield place[1], words[place.end() : end].strip()


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """(name, docstring) of a module, its classes and functions, and its documented constants."""
    tree = ast.parse(path.read_text("utf-8"))
    before: ast.stmt | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            name = "" if isinstance(node, ast.Module) else node.name
            if text := ast.get_docstring(node):
                yield name, text
    for node in tree.body:
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text and isinstance(before, ast.Assign | ast.AnnAssign):
            target = before.targets[0] if isinstance(before, ast.Assign) else before.target
            yield ast.unparse(target), str(node.value.value)  # type: ignore[attr-defined]
        before = node


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for path in sorted(SOURCE.rglob("*.py")):
        found = [
            f"- {f'`{name}`: ' if name else ''}*{kind}*: {sentence}"
            for name, text in texts(path)
            for kind, sentence in marks(text)
        ]
        if found:
            parts.append(
                f"\n## {path.relative_to(SOURCE).as_posix()}\n\n" + "\n".join(found) + "\n"
            )
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
