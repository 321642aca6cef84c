import csv
import math
import os
import pickle
import shutil
import time
import zipfile
from collections import Counter

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.datasets.circumplex import ANGLES_DEG, circumplex, read_circumplex
from pulsefer.datasets.stills import read
from pulsefer.datasets.stills_check import check
from pulsefer.datasets.stills_fake import open_fake, write_fake
from pulsefer.datasets.synthetic import Effects
from pulsefer.media.image import encode_jpeg, encode_png

SMALL = {"persons": 2, "pictures": 3, "width_px": 64, "height_px": 48}


@pytest.fixture(scope="module")
def specimen(tmp_path_factory):
    return write_fake(tmp_path_factory.mktemp("stills") / "stills", **SMALL)


@pytest.fixture
def copy(specimen, tmp_path):
    """A copy to break. Files are hard links: replace them, never edit."""
    return shutil.copytree(specimen.root, tmp_path / "stills", copy_function=os.link)


@pytest.fixture
def folder(tmp_path):
    """Makes a folder with a table and one picture for each name in it."""

    def make(table, names=("a.png", "b.png", "c.png"), name="labels.csv"):
        for number, picture in enumerate(names):
            path = tmp_path / "folder" / picture
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(np.full((4, 6, 3), 3 * number, np.uint8)))
        content = table if isinstance(table, bytes) else table.encode()
        (tmp_path / "folder" / name).write_bytes(content)
        return tmp_path / "folder"

    return make


def told(root, **options):
    problems = []
    return list(read(root, on_problem=problems.append, **options)), problems


WITH_PERSONS = "image,category,person\na.png,happy,p\nb.png,sad,q\nc.png,happy,p\n"


@pytest.mark.parametrize("labels", ["category", "values"])
def test_what_was_planted_comes_back_in_order(tmp_path, labels):
    tree = write_fake(tmp_path / "a", **SMALL, labels=labels)
    assert open_fake(tree.root) == tree
    stills, problems = told(tree.root)
    assert problems == []
    assert [still.name for still in stills] == [truth.image for truth in tree.planted]
    for still, truth in zip(stills, tree.planted, strict=True):
        assert still.id == f"stills/{truth.image}"
        assert still.person == truth.person
        assert still.clip == still.name
        assert (still.valence, still.arousal) == (truth.valence, truth.arousal)
        assert still.data_kind == "synthetic"
        picture = still.load()
        assert picture.image.shape == (48, 64, 3)
        assert picture.landmarks_px is None
        assert picture.pixel_aspect == 1.0


def test_equal_arguments_give_equal_bytes_however_many_work(tmp_path):
    def content(name, **options):
        root = write_fake(tmp_path / name, **SMALL, **options).root
        return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    assert content("a") == content("b", workers=2)
    assert content("a2") != content("c", seed=1)


def test_an_expression_shows_what_is_planted_and_can_be_hidden(tmp_path):
    def spread(name, **effects):
        off = Effects(motion_px=0.0, sensor_noise=0.0, rating_noise=0.0, **effects)
        tree = write_fake(tmp_path / name, persons=1, pictures=5, effects=off)
        images = [still.load().image.astype(float) for still in read(tree.root)]
        return max(np.abs(image - images[0]).mean() for image in images)

    assert spread("shown") > 0.5
    assert spread("hidden", expression=0.0) == 0


def test_a_still_travels_to_another_process_and_is_known_by_its_bytes(specimen):
    stills = list(read(specimen.root))
    for still in stills:
        there = pickle.loads(pickle.dumps(still))
        np.testing.assert_array_equal(there.load().image, still.load().image)
        assert there.content() == still.content()
    assert len({still.content() for still in stills}) == len(stills)


@pytest.mark.parametrize("layout", ["all in a zip", "pictures in a zip", "folder left out", "up"])
def test_the_same_pictures_come_from_every_layout(copy, tmp_path, layout):
    before = [(s.name.rpartition("/")[2], s.valence, s.person, s.content()) for s in read(copy)]
    root = copy
    if layout == "all in a zip":
        root = tmp_path / "all.zip"
        with zipfile.ZipFile(root, "w") as archive:
            for path in sorted(copy.rglob("*")):
                archive.write(path, f"x/{path.relative_to(copy)}")
    elif layout == "up":
        root = tmp_path
    else:
        text = (copy / "stills.csv").read_text().replace("images/", "")
        (copy / "stills.csv").unlink()
        (copy / "stills.csv").write_text(text)
        if layout == "pictures in a zip":
            with zipfile.ZipFile(copy / "pictures.zip", "w") as archive:
                for path in (copy / "images").iterdir():
                    archive.write(path, path.name)
            shutil.rmtree(copy / "images")
    stills, problems = told(root)
    assert problems == []
    assert {s.data_kind for s in stills} == {"synthetic"}
    after = [(s.name.rpartition("/")[2], s.valence, s.person, s.content()) for s in stills]
    assert after == before
    assert all(s.load().image.shape == (48, 64, 3) for s in stills)


@pytest.mark.parametrize(
    "table",
    [
        b"image,valence,arousal,person\na.png,0.5,-1,p\nb.png,0,0.25,q\n",
        b"\xef\xbb\xbfimage;valence;arousal;person\r\na.png;0,5;-1;p\r\nb.png;0;0,25;q\r\n",
        b"image\tvalence\tarousal\tperson\na.png\t.5\t-1.0\tp\nb.png\t0\t2.5e-1\tq\n",
        b'\n"image","valence","arousal","person"\n"a.png","0.5","-1","p"\n\n"b.png","0","0.25","q"',
        b"Person , AROUSAL,Valence, Image\np, -1,0.5,a.png \n q,0.25,0,./b.png\n",
    ],
    ids=["comma", "semicolon", "tab", "quoted", "shuffled"],
)
def test_a_table_is_read_as_any_program_saves_it(folder, table):
    stills, problems = told(folder(table))
    assert problems == []
    found = [(s.name, s.valence, s.arousal, s.person) for s in stills]
    assert found == [("a.png", 0.5, -1.0, "p"), ("b.png", 0.0, 0.25, "q")]


def test_values_are_divided_by_the_scale(folder):
    root = folder("image,valence,arousal,person\na.png,5,-10,p\nb.png,,2,q\nc.png,1,,q\n")
    first, second, third = told(root, scale=10)[0]
    assert (first.valence, first.arousal) == (0.5, -1.0)
    assert math.isnan(second.valence)
    assert second.arousal == 0.2
    assert math.isnan(third.arousal)
    for scale in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="scale"):
            read(root, scale=scale)


def test_a_value_out_of_range_names_its_row_and_the_way_out(folder):
    root = folder("image,valence,arousal,person\na.png,0.5,0,p\nb.png,7,9.5,q\n")
    with pytest.raises(BadInput, match=r"labels\.csv, line 3.*--scale.*9\.5"):
        read(root)
    with pytest.raises(BadInput, match="after division by 5"):
        read(root, scale=5)
    assert len(told(root, scale=10)[0]) == 2


def test_a_value_that_is_no_number_leaves_its_row_out(folder):
    rows = ["a.png,0,0,p", "b.png,high,0,p", "c.png,,,p", "d.png,nan,1,p", "e.png,0,inf,p"]
    root = folder("\n".join(["image,valence,arousal,person", *rows]), ["a.png", "b.png", "c.png"])
    stills, (problem,) = told(root)
    assert [s.name for s in stills] == ["a.png"]
    assert "line 3" in problem.where
    assert "4 such rows" in problem.found


@pytest.mark.parametrize("column", ["category", "emotion"])
def test_words_find_their_place_on_the_circle(folder, column):
    table = f"image,{column},person\na.png, Happiness,p\nb.png,NEUTRAL,p\nc.png,Sad ,q\n"
    happy, neutral, sad = told(folder(table))[0]
    assert math.degrees(math.atan2(happy.arousal, happy.valence)) == pytest.approx(7.8)
    assert math.hypot(happy.valence, happy.arousal) == pytest.approx(1)
    assert (neutral.valence, neutral.arousal) == (0, 0)
    assert sad.valence < 0
    assert sad.arousal < 0


def test_values_come_before_words(folder):
    (still,) = told(folder("image,emotion,valence,arousal,person\na.png,sad,0.5,0.5,p\n"))[0]
    assert still.valence == 0.5


def test_words_without_a_place_are_left_out_and_counted_by_word(folder):
    table = "image,category,person\na.png,happy,p\nb.png,Meh,p\nc.png,meh,q\nd.png,,q\n"
    stills, (problem,) = told(folder(table, ["a.png", "b.png", "c.png", "d.png"]))
    assert [s.name for s in stills] == ["a.png"]
    assert "3 rows" in problem.found
    assert "2 of 'meh'" in problem.found
    assert "1 of ''" in problem.found
    assert "--circumplex" in problem.remedy


def test_an_own_table_of_words_takes_the_place_of_the_circle(folder, tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("category,valence,arousal\nhappy,0.9,0.4\nMeh,-0.2,-0.3\n")
    table = "image,category,person\na.png,happy,p\nb.png,meh,q\nc.png,sad,q\n"
    (first, second), (problem,) = told(folder(table), circumplex=own)
    assert (first.valence, first.arousal) == (0.9, 0.4)
    assert (second.valence, second.arousal) == (-0.2, -0.3)
    assert "'sad'" in problem.found


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("category,valence\nhappy,1\n", "arousal"),
        ("category,valence,arousal\nhappy,2,0\n", "line 2.*-1 to 1"),
        ("category,valence,arousal\nhappy,x,0\n", "line 2"),
        ("category,valence,arousal\nhappy,1,0\nHAPPY,0,0\n", "line 3.*once"),
        ("category,valence,arousal\n,1,0\n", "once"),
        ("", "empty file"),
    ],
)
def test_an_own_table_that_is_none_is_refused(tmp_path, content, match):
    (tmp_path / "own.csv").write_text(content)
    with pytest.raises(BadInput, match=match):
        read_circumplex(tmp_path / "own.csv")


def test_an_option_for_the_other_kind_of_table_is_refused(folder, tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("category,valence,arousal\nhappy,0.9,0.4\n")
    with pytest.raises(BadInput, match="leave out --scale"):
        read(folder(WITH_PERSONS), scale=10)
    with pytest.raises(BadInput, match="leave out --circumplex"):
        read(folder("image,valence,arousal\na.png,0,0\n"), circumplex=own)


def test_every_word_of_the_circle_says_where_its_place_comes_from():
    table = circumplex()
    assert {"happiness", "sadness", "surprise", "fear", "anger", "disgust", "contempt",
            "neutral"} <= set(table)  # fmt: skip
    for word, affect in table.items():
        assert affect.source.startswith(("Russell 1980", "choice")), word
        radius = math.hypot(affect.valence, affect.arousal)
        assert radius == pytest.approx(0 if word == "neutral" else 1)
    angles = [angle for angle, _ in ANGLES_DEG.values()]
    assert angles == sorted(angles)
    for word in ("anger", "fear", "sadness", "disgust", "contempt"):
        assert table[word].valence < 0


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ("a,b\n1,2\n", "image.*found a, b"),
        ("image,valence\na.png,1\n", "valence and arousal, or category"),
        ("image\na.png\n", "found image"),
        ("", "empty file"),
        ("image,category,image\na.png,sad,b.png\n", "each once"),
        ("image,category\na.png,sad,extra\n", "line 2.*2 values, found 3"),
        ('image,category\n"a.png,sad\n', "line 2"),
        (b"image,category\na.png,\xff\xfe\n", "UTF-8"),
        ("image,category\na.png,sad\n".encode("utf-16"), "UTF-8"),
    ],
)
def test_a_table_that_is_none_is_refused_with_what_was_found(folder, table, match):
    with pytest.raises(BadInput, match=match):
        read(folder(table))


def test_a_name_that_leaves_the_folder_is_refused_row_by_row(folder, tmp_path):
    (tmp_path / "secret.png").write_bytes(encode_png(np.zeros((4, 4, 3), np.uint8)))
    names = ["../secret.png", str(tmp_path / "secret.png"), "x\\..\\a.png", "C:a.png", ""]
    rows = [f"{name},happy,p" for name in ["a.png", *names]]
    stills, (problem,) = told(folder("\n".join(["image,category,person", *rows])))
    assert [s.name for s in stills] == ["a.png"]
    assert "5 such rows" in problem.found


def test_of_rows_with_one_name_the_first_counts(folder):
    table = "image,category,person\na.png,happy,p\n./a.png,sad,p\nb.png,sad,p\n"
    stills, (problem,) = told(folder(table))
    assert [(s.name, s.valence > 0) for s in stills] == [("a.png", True), ("b.png", False)]
    assert problem.severity == "warning"
    assert "line 3" in problem.where


def test_without_persons_every_picture_is_its_own_and_that_is_said(folder):
    stills, (problem,) = told(folder("image,category\na.png,happy\nb.png,sad\n"))
    assert len({s.person for s in stills}) == 2
    assert problem.severity == "warning"
    assert "folds cannot keep" in problem.remedy
    stills, (problem,) = told(folder("image,category,person\na.png,sad,\nb.png,sad,b\nc.png,sad,b"))
    assert len({s.person for s in stills}) == 2
    assert "none in 1 rows" in problem.found


def test_blanks_make_no_second_person_and_a_clip_is_kept(folder):
    table = (
        "image,category,person,clip\na.png,sad,A  B,film 1\nb.png,sad, A B,film 1\nc.png,sad,C,\n"
    )
    stills, problems = told(folder(table))
    assert problems == []
    assert [(s.person, s.clip) for s in stills] == [
        ("A B", "film 1"), ("A B", "film 1"), ("C", "c.png"),
    ]  # fmt: skip


def test_missing_pictures_are_counted_and_damaged_ones_complain_when_loaded(copy):
    paths = sorted((copy / "images").iterdir())
    paths[0].unlink()
    paths[1].unlink()
    content = paths[2].read_bytes()
    paths[2].unlink()
    paths[2].write_bytes(content[:300])
    stills, (problem,) = told(copy)
    assert len(stills) == 4
    assert "2 of 6 rows" in problem.found
    with pytest.raises(BadInput, match=paths[2].name):
        stills[0].load()
    assert all(s.load().image.size for s in stills[1:])


def test_where_nothing_can_be_used_that_is_the_error(folder):
    with pytest.raises(BadInput, match="at least one row"):
        read(folder("image,category\nnone.png,happy\n"), on_problem=lambda _: None)
    with pytest.raises(BadInput, match="at least one row"):
        read(folder("image,category\na.png,meh\n"), on_problem=lambda _: None)


def test_of_several_tables_one_has_to_be_named(folder):
    root = folder(WITH_PERSONS, name="one.csv")
    folder("image,category,person\nb.png,sad,q\n", name="two.csv")
    with pytest.raises(BadInput, match=r"one\.csv, two\.csv.*--table"):
        read(root)
    assert len(told(root, table=root / "two.csv")[0]) == 1
    assert len(told(root, table="one.csv")[0]) == 3
    with pytest.raises(BadInput, match="no such file"):
        read(root, table="three.csv")


def test_no_table_at_all_is_refused(tmp_path):
    with pytest.raises(BadInput, match="one table"):
        read(tmp_path)
    with pytest.raises(BadInput, match="check the path"):
        read(tmp_path / "none")


def test_a_name_at_two_places_is_refused_and_not_guessed(folder):
    root = folder("image,category\na.png,happy\n", ["train/a.png", "test/a.png"])
    with pytest.raises(BadInput, match=r"one place.*a\.png"):
        read(root)
    root = folder("image,category\ntrain/a.png,happy\n", ["train/a.png", "test/a.png"])
    assert len(told(root)[0]) == 1


def test_a_picture_that_lies_beside_the_table_is_never_taken_from_elsewhere(folder):
    table = "image,category,person\na.png,happy,p\nb.png,sad,q\n"
    root = folder(table, ["train/a.png", "test/a.png", "test/b.png"], name="train/labels.csv")
    stills, (problem,) = told(root)
    assert [s.name for s in stills] == ["a.png"]
    assert "no b.png" in problem.found


@pytest.mark.parametrize("wrong", [{"persons": 0}, {"pictures": 0}, {"labels": "words"}])
def test_a_number_out_of_range_is_refused_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        write_fake(tmp_path / "a", **(SMALL | wrong))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("deep", [False, True])
def test_the_check_of_a_whole_folder_has_nothing_to_say(specimen, deep):
    report = check(specimen.root, deep=deep)
    assert report.ok
    assert report.problems == ()
    assert {r.verdict for r in report.rows} <= {"ok", "warning"}
    facts = {r.what: r.found for r in report.rows}
    assert facts["rows that are used"] == "6"
    assert facts["persons"] == "2, up to 3 pictures each"


def test_the_check_finds_what_is_wrong(copy):
    paths = sorted((copy / "images").iterdir())
    paths[0].unlink()
    content = paths[1].read_bytes()
    paths[1].unlink()
    paths[1].write_bytes(content[:-150])
    report = check(copy)
    assert not report.ok
    assert len([r for r in report.rows if r.verdict == "broken"]) == 1
    assert len([r for r in check(copy, deep=True).rows if r.verdict == "broken"]) == 2
    (copy / "stills.csv").unlink()
    assert len(check(copy).rows) == 1


def test_a_check_names_words_without_a_place_and_a_lonely_class(folder):
    report = check(folder("image,category,person\na.png,happy,p\nb.png,meh,q\n"))
    assert not report.ok
    facts = {r.what: r for r in report.rows}
    assert facts["rows with a word of the circle"].found.startswith("1: happy (1)")
    assert facts["valence of 1 pictures"].verdict == "warning"


def test_a_column_that_tells_the_label_is_a_warning(folder):
    names = [f"{k:02d}.png" for k in range(80)]

    def verdict(colour_of):
        rows = [
            f"{name},{'happy' if k % 2 else 'sad'},p{k % 4},{colour_of(k)}"
            for k, name in enumerate(names)
        ]
        root = folder("\n".join(["image,emotion,person,colour", *rows]), names)
        return {r.what: r.verdict for r in check(root).rows}.get("valence above 0, by colour")

    assert verdict(lambda k: "grey" if k % 2 else "colour") == "warning"
    assert verdict(lambda k: "grey" if k % 4 < 2 else "colour") == "ok"
    assert verdict(lambda k: f"shot {k}") is None


def test_ten_thousand_rows_are_read_in_a_moment(tmp_path):
    picture = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for number in range(10_000):
            archive.writestr(f"{number:05d}.jpg", picture)
    rows = [f"{number:05d}.jpg,happy,p{number % 50}" for number in range(10_000)]
    (tmp_path / "t.csv").write_text("\n".join(["image,emotion,person", *rows]))
    start = time.perf_counter()
    stills, _ = told(tmp_path)
    assert len(stills) == 10_000
    for still in stills[:100]:
        still.load()
    assert time.perf_counter() - start < 10  # about half a second


@pytest.mark.shared
def test_every_real_still_is_read_with_the_words_and_persons_of_its_table(shared_data):
    root = shared_data / "stills"
    if not root.is_dir():
        pytest.skip(f"no real stills at {root}")
    stills, problems = told(root)
    assert problems == []
    with (root / "stills.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [s.name for s in stills] == [row["image"] for row in rows]
    assert [s.person for s in stills] == [row["person"] for row in rows]
    counts = Counter(row["emotion"] for row in rows)
    assert len(counts) == 8
    by_place = Counter((s.valence, s.arousal) for s in stills)
    for word, n in counts.items():
        affect = circumplex()[word]
        assert by_place[affect.valence, affect.arousal] == n
    assert {s.data_kind for s in stills} == {"real"}
    for still in stills[::100]:
        assert still.load().image.ndim == 3
