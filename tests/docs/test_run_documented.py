"""What is documented is found and run, and nothing of it is left out without a word."""

import os
import shutil

import pytest
import run_documented as documented
from run_documented import Block, Command, Shell, blocks_of, commands_of, run_page

FENCE = "```"


def block(*lines, language="sh"):
    return Block("page.md", 1, language, lines)


def texts(*lines, **how):
    return [command.text for command in commands_of(block(*lines, **how))]


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path, dict(os.environ))


def ran(text, shell, **how):
    return run_page("page.md", text, shell, **how)


def page(*blocks):
    """Blocks, each its language and its text, as a page."""
    return "".join(f"{FENCE}{language}\n{text}\n{FENCE}\n\n" for language, text in blocks)


# The pages of this project


@pytest.fixture(scope="module")
def found():
    """Every block of every page."""
    return [
        one
        for name in documented.pages_of(documented.ROOT)
        for one in blocks_of(name, (documented.ROOT / name).read_text("utf-8"))
    ]


@pytest.fixture(scope="module")
def commands(found):
    return [
        command
        for one in found
        if one.language in documented.COMMANDS and not one.not_run
        for command in commands_of(one)
    ]


def test_the_readme_and_every_page_is_read(found):
    assert {"README.md", "docs/weighting.md"} <= {one.page for one in found}
    everything = "\n".join(
        (documented.ROOT / name).read_text("utf-8") for name in documented.pages_of(documented.ROOT)
    )
    assert 2 * len(found) == sum(
        line.lstrip().startswith((FENCE, "~~~")) for line in everything.splitlines()
    )


def test_a_line_that_begins_with_pulsefer_is_a_command_that_is_found(found, commands):
    begun = {
        (one.page, number)
        for one in found
        if one.language in documented.COMMANDS and not one.not_run
        for number, line in enumerate(one.lines, one.line)
        if line.startswith("pulsefer ")
    }
    assert len(begun) > 20
    assert begun <= {(command.page, command.line) for command in commands}


def test_no_row_of_the_tables_is_stale(found, commands):
    kept = [one.text for one in commands if documented.why_not(one) is None]
    used = {rule for text in kept for rule in documented.shortened(documented.instead(text))[1]}
    assert set(documented.SHORTER) == used
    assert set(documented.NOT_RUN) == {documented.why_not(one) for one in commands} - {None}
    kept += ["\n".join(one.lines) for one in found if one.language == documented.PYTHON]
    for word in documented.STANDS_FOR:
        only = {word: "another thing"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(documented, "STANDS_FOR", only)
            assert any(documented.instead(text) != text for text in kept), word
    assert documented.TAKES.keys() <= {one.page for one in found}


def test_nothing_is_run_with_the_papers_epochs_or_budget(commands):
    for one in commands:
        if documented.why_not(one) is not None:
            continue
        text, _ = documented.shortened(documented.instead(one.text))
        if " reproduce " in text:
            assert "--budget smoke" in text
        if " train " in text or " pretrain " in text:
            assert "--config quick.yaml" in text


# Blocks


def test_blocks_have_their_language_their_lines_and_their_place():
    indented = f"  {FENCE} python\n  if x:\n      y\n  {FENCE}\n"
    text = f"# Page\n\n{FENCE}sh\none\n\ntwo\n{FENCE}\n\n{indented}"
    assert blocks_of("page.md", text) == [
        Block("page.md", 4, "sh", ("one", "", "two")),
        Block("page.md", 10, "python", ("if x:", "    y")),
    ]


def test_a_longer_fence_holds_a_shorter_one():
    (one,) = blocks_of("page.md", f"````text\n{FENCE}sh\nfalse\n{FENCE}\n````\n")
    assert one.language == "text"
    assert one.lines == (f"{FENCE}sh", "false", FENCE)


def test_a_mark_counts_for_the_block_behind_it_alone():
    text = f"<!-- not run: a reason -->\n\n{page(('sh', 'false'), ('sh', 'true'))}"
    assert [one.not_run for one in blocks_of("page.md", text)] == ["a reason", ""]
    far = f"<!-- not run: a reason -->\n\nA sentence.\n\n{page(('sh', 'true'))}"
    assert [one.not_run for one in blocks_of("page.md", far)] == [""]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (page(("shell", "true")), "page.md:1: expected sh, bash, console, python"),
        (page(("", "pulsefer info")), "not marked `sh`"),
        (page(("text", "$ ls")), "not marked `sh`"),
        (f"a\n{FENCE}sh\ntrue\n", "page.md:2: the block has no end"),
    ],
)
def test_a_block_that_would_be_left_out_without_a_word_is_an_error(text, told):
    with pytest.raises(ValueError, match=told):
        blocks_of("page.md", text)


# Commands


def test_comments_are_none_and_a_hash_in_a_word_or_in_quotes_is_no_comment():
    assert texts("# all", "a b   # it's why", "", "c '# d' e#f \"#\" # g") == [
        "a b", "c '# d' e#f \"#\"",
    ]  # fmt: skip
    assert texts("#!/bin/bash", "#SBATCH --nodes=2", "srun x") == ["srun x"]


def test_a_line_that_goes_on_is_one_command():
    one, two = commands_of(block("a --b \\", "    --c   # why", "d"))
    assert one == Command("page.md", 1, "a --b \\\n    --c")
    assert one.shown == "a --b --c"
    assert two == Command("page.md", 3, "d")


def test_what_bash_needs_whole_is_one_command():
    assert texts("cat > f <<END", "a: 1  # kept", "", "END", "ls | wc -l") == [
        "cat > f <<END\na: 1  # kept\n\nEND", "ls | wc -l",
    ]  # fmt: skip
    assert texts("for a in 1 2; do", "  echo $a", "done", "b") == [
        "for a in 1 2; do\n  echo $a\ndone", "b",
    ]  # fmt: skip


def test_of_a_console_only_what_was_typed_is_a_command():
    assert texts("$ a \\", "  b", "said", "$ c", language="console") == ["a \\\n  b", "c"]


def test_words_stand_for_things_where_they_are_words():
    assert documented.instead("x /data/DEAP --store DEAP") == "x data/DEAP --store deap"
    other = "MY/data/DEAP /data/DEAPER DEAP.md XDEAP /shared/DEAP"
    assert documented.instead(other) == other


@pytest.mark.parametrize(
    ("written", "run"),
    [
        ("pulsefer train a --out b", "pulsefer --config quick.yaml train a --out b"),
        ("pulsefer reproduce a --budget paper", "pulsefer reproduce a --budget smoke"),
        ("pulsefer reproduce a --store b", "pulsefer reproduce --budget smoke a --store b"),
        ("pulsefer reproduce a --dry-run", "pulsefer reproduce a --dry-run"),
        ("pulsefer evaluate runs/train", "pulsefer evaluate runs/train"),
    ],
)
def test_a_command_is_shortened_as_the_table_says(written, run):
    assert documented.shortened(written)[0] == run


# Running


def test_folder_and_variables_stay_and_output_is_not_asked(shell, tmp_path):
    told = ran(page(("sh", "mkdir a\ncd a\nexport B='c d'"), ("sh", 'echo "$B" > f | cat')), shell)
    assert (told.n_commands, told.status) == (4, 0)
    assert (tmp_path / "a" / "f").read_text() == "c d\n"


def test_python_blocks_share_their_names_and_come_after_the_commands(shell, tmp_path):
    told = ran(page(("python", "x = open('f').read()"), ("sh", "echo 1 > f"),
                    ("python", "open('g', 'w').write(x)")), shell)  # fmt: skip
    assert (told.n_commands, told.n_python, told.status) == (1, 2, 0)
    assert (tmp_path / "g").read_text() == "1\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (page(("sh", "true\nfalse")), ["page.md:3 false (exit status 1)"]),
        (page(("sh", "false | true")), ["page.md:2 false | true (exit status 1)"]),
        (page(("sh", "no-such-program --a")), ["page.md:2 no-such-program --a (exit status 127)"]),
        (page(("sh", "echo 'a")), ["page.md:2 echo 'a (exit status 2)"]),
        (page(("sh", "sleep 60")), ["page.md:2 sleep 60 (exit status 124)"]),
        (page(("sh", "true"), ("python", "1 / 0")), ["page.md:6 Python (exit status 1)"]),
        (page(("python", "import made_store")), ["page.md:2 Python (exit status 1)"]),
    ],
)
def test_what_fails_and_is_not_declared_is_a_failure(text, told, shell, monkeypatch):
    monkeypatch.setitem(shell.env, "PYTHONPATH", str(documented.ROOT / "tests"))
    done = ran(text, shell, limit_s=1.0 if "sleep" in text else 60.0)
    assert done.failed == told
    assert done.status == 1
    assert told[0] in done.summary(1.0)


def test_a_failure_is_told_with_its_last_lines_and_its_line_in_the_page(shell, capsys):
    ran(page(("sh", "seq 100; exit 3"), ("python", "\n1 / 0")), shell)
    out = capsys.readouterr().out
    assert "exit status 3" in out
    assert " 100\n" in out
    assert " 80\n" not in out
    assert 'page.md.py", line 7' in out


def test_what_is_not_run_is_said_with_its_reason_command_by_command(shell, capsys):
    here = "<!-- not run: no sea here -->\n"
    swim = page(("sh", "swim  # far\ndive"))
    told = ran(f"{here}{swim}{here}{page(('python', '1 / 0'))}{page(('sh', 'srun swim'))}", shell)
    assert told.status == 0
    assert told.n_commands == told.n_python == 0
    assert told.not_run == [
        "page.md:3 swim: no sea here", "page.md:4 dive: no sea here",
        "page.md:9 Python: no sea here", "page.md:13 srun swim: SLURM",
    ]  # fmt: skip
    out = capsys.readouterr().out
    assert all(f"not run  {one}\n" in out and one in told.summary(1.0) for one in told.not_run)


def test_what_is_shortened_is_said_as_written_and_as_run(shell, tmp_path, capsys):
    program = tmp_path / "pulsefer"
    program.write_text('#!/bin/sh\necho "$@" > "$(dirname "$0")/said"\n')
    program.chmod(0o755)
    shell.env["PATH"] = f"{tmp_path}:{shell.env['PATH']}"
    told = ran(page(("sh", "pulsefer train DEAP  # why")), shell)
    assert (tmp_path / "said").read_text() == "--config quick.yaml train deap\n"
    out = capsys.readouterr().out
    assert "page.md:2 pulsefer train DEAP\n" in out
    assert "as  pulsefer --config quick.yaml train deap\n" in out
    assert "shortened 1 times: 1 epoch" in told.summary(1.0)


def test_what_several_pages_tell_adds_up(shell):
    one = ran(page(("sh", "false\npip install x")), shell)
    one.add(ran(page(("sh", "true"), ("python", "1")), shell))
    assert one.summary(2.0).startswith(
        "2 commands and 1 Python blocks run in 2 s: 0 commands shortened, 1 not run, 1 failed\n"
    )


def test_no_variable_of_the_caller_leads_to_the_checkout(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(documented.ROOT / "src"))
    monkeypatch.setenv("VIRTUAL_ENV", str(documented.ROOT / ".venv"))
    env = documented.environment(tmp_path)
    assert not {"PYTHONPATH", "VIRTUAL_ENV"} & env.keys()
    assert env["HOME"] == str(tmp_path)
    assert shutil.which("python", path=env["PATH"]) == documented.sys.executable


def test_the_readme_comes_before_a_page_that_takes_what_it_leaves():
    there = documented.pages_of(documented.ROOT)
    assert documented.chosen([], there) == there
    assert documented.chosen(["docs/reading.md"], there) == ["README.md", "docs/reading.md"]
    assert documented.chosen(["docs/choices.md"], there) == ["docs/choices.md"]
