"""A small whole tree of MAHNOB-HCI, and what can be wrong with a copy: one function, one fault.

Session 2 is the first stimulus of participant 1, session 4 the second. Files of a copy are hard
links: they are replaced, never edited.
"""

import functools
import os
import re
import shutil

import numpy as np

from pulsefer.datasets import bdf
from pulsefer.datasets.mahnob_fake import write_fake
from pulsefer.media.video import encode, frames

SIZE = {"fps_hz": 15, "width_px": 96, "height_px": 72}
SECONDS = 12.0


@functools.cache
def specimen(base):
    """2 people x 3 stimuli x 12 s, once for all tests. Never change it; copy it."""
    return write_fake(base / "mahnob" / "MAHNOB", trials=3, seconds=SECONDS, **SIZE)


def copied(tree, folder):
    return shutil.copytree(tree.root, folder / "MAHNOB", copy_function=os.link)


def folder_of(root, number=2):
    return root / "Sessions" / str(number)


def only(root, pattern, number=2):
    (path,) = folder_of(root, number).glob(pattern)
    return path


def put(path, content):
    """Replace a file; the original behind the hard link stays."""
    path.unlink()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def edit_xml(root, old, new, number=2):
    path = folder_of(root, number) / "session.xml"
    text, n_changed = re.subn(old, new, path.read_text())
    assert n_changed, old
    put(path, text)


def status_of(data):
    """The bytes of the trigger channel, (records, samples, 3), as a view."""
    body = np.frombuffer(data, np.uint8, offset=256 * 48)
    return body.reshape(-1, 47, 256, 3)[:, -1]


def edit_status(root, change):
    path = only(root, "*.bdf")
    data = bytearray(path.read_bytes())
    value = status_of(data)[..., 0].reshape(-1).copy()
    status_of(data)[..., 0] = change(value).reshape(-1, 256)
    put(path, bytes(data))


def replace_lead(root, label, values_uv, number=2):
    """Other values on one channel."""
    path = only(root, "*.bdf", number)
    data = bytearray(path.read_bytes())
    body = np.frombuffer(data, np.uint8, offset=256 * 48).reshape(-1, 47, 256, 3)
    steps = np.rint(np.asarray(values_uv) * 32).astype("<i4").view(np.uint8).reshape(-1, 256, 4)
    body[:, bdf.probe(path).labels.index(label)] = steps[..., :3]
    put(path, bytes(data))


def folders_exchanged(root):
    two, four, aside = folder_of(root, 2), folder_of(root, 4), folder_of(root, 999)
    two.rename(aside)
    four.rename(two)
    aside.rename(four)


def xml_of_session_4(root):
    put(folder_of(root) / "session.xml", (folder_of(root, 4) / "session.xml").read_bytes())


def xml_of_session_4_with_the_number_changed(root):
    xml_of_session_4(root)
    edit_xml(root, 'sessionId="4"', 'sessionId="2"')


def video_of_session_4(root):
    only(root, "*.avi").unlink()
    shutil.copy(only(root, "*.avi", 4), folder_of(root))


def bdf_of_session_4(root):
    only(root, "*.bdf").unlink()
    shutil.copy(only(root, "*.bdf", 4), folder_of(root))


def bdf_of_the_neutral_clip(root):
    only(root, "*.bdf").unlink()
    shutil.copy(only(root, "*.bdf", 1), folder_of(root))


def another_person(root):
    edit_xml(root, 'subject id="1"', 'subject id="2"')


def nobody(root):
    edit_xml(root, '<subject id="1"/>', "")


def not_a_stimulus(root):
    edit_xml(root, 'isStim="1"', 'isStim="0"')


def rating(text):
    def fault(root):
        edit_xml(root, 'feltArsl="[0-9]"', f'feltArsl="{text}"')

    fault.__name__ = f"rating_{text or 'blank'}"
    return fault


def no_rating(root):
    edit_xml(root, 'feltVlnc="[0-9]"', "")


def no_clip(root):
    edit_xml(root, 'mediaFile="[^"]*"', 'mediaFile="../../53.avi"')


def entity_bomb(root):
    entities = '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">'
    edit_xml(root, r"<session ", f"<!DOCTYPE session [{entities}]><session ")
    edit_xml(root, r'time="[^"]*"', 'time="&c;"')


def external_entity(root):
    secret = '<!DOCTYPE session [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    edit_xml(root, r"<session ", f"{secret}<session ")
    edit_xml(root, r"</session>", "&x;</session>")


def document_type(root):
    edit_xml(root, r"<session ", '<!DOCTYPE session SYSTEM "http://localhost/x.dtd"><session ')


def two_megabytes(root):
    edit_xml(root, r"</session>", " " * 2_000_000 + "</session>")


def no_xml(root):
    put(folder_of(root) / "session.xml", "<session><p>Your licence has expired</session>")


def html(root):
    put(folder_of(root) / "session.xml", "<html><p>Your licence has expired</p></html>")


def track(name):
    def fault(root):
        edit_xml(root, r'filename="P[^"]*\.avi"', f'filename="{name}"')

    return fault


def up_and_away(root):
    track("../4/x.avi")(root)


def absolute(root):
    track("/etc/passwd")(root)


def of_windows(root):
    track(r"C:\\\\x.avi")(root)


def two_colour_videos(root):
    name = only(root, "*.avi").name
    other = name.replace("C1 trigger", "BW1")
    shutil.copy(only(root, "*.avi"), folder_of(root) / other)
    edit_xml(root, r"</session>", f'<track type="Video" color="1" filename="{other}"/></session>')


def cut_bdf(root):
    path = only(root, "*.bdf")
    put(path, path.read_bytes()[: 256 * 48 + 40 * 47 * 256 * 3 + 20_000])


def no_bytes_bdf(root):
    put(only(root, "*.bdf"), b"")


def lead_missing(root):
    path = only(root, "*.bdf")
    put(path, path.read_bytes().replace(b"EXG2", b"EXG9", 1))


def no_pulse(root):
    edit_status(root, lambda status: 0 * status)


def one_pulse(root):
    edit_status(root, lambda status: np.where(np.arange(len(status)) < 9000, status, 0))


def pulses_too_near(root):
    def change(status):
        status[:] = 0
        status[7680:7700] = status[7800:7820] = 16
        return status

    edit_status(root, change)


def cut_avi(root):
    path = only(root, "*.avi")
    put(path, path.read_bytes()[:9000])


def no_avi(root):
    put(only(root, "*.avi"), b"<html>404</html>" * 50)


def encode_again(root, n_frames, fps_hz):
    path = only(root, "*.avi")
    images = [frame.image for frame in frames(path)][:n_frames]
    path.unlink()
    encode(path, images, fps_hz=fps_hz)


def short_video(root):
    encode_again(root, 120, 15)


FAULTS = {
    # fault: (file or place, what is said of it, trials that are left)
    folders_exchanged: ("Sessions/2", "sessionId 2, as the folder is called, found '4'", 4),
    xml_of_session_4: ("Sessions/2", "sessionId 2, as the folder is called, found '4'", 5),
    xml_of_session_4_with_the_number_changed: ("Sessions/2", "by the session's number", 5),
    video_of_session_4: ("Sessions/2", "Section_2 by the session's number, found P1-Rec1", 5),
    bdf_of_session_4: ("Sessions/2", "Part_1_S_Trial1_emotion.bdf by", 5),
    bdf_of_the_neutral_clip: ("Sessions/2", "found Part_1_N_Trial1_emotion.bdf", 5),
    another_person: ("Sessions/2", "subject id 1 in session 2, found '2'", 5),
    nobody: ("Sessions/2", "subject id 1 in session 2, found none", 5),
    not_a_stimulus: ("Sessions/2", "isStim 1 in session 2, found '0'", 5),
    rating("0"): ("Sessions/2", "feltArsl, a whole number 1-9, found '0'", 5),
    rating("10"): ("Sessions/2", "feltArsl, a whole number 1-9, found '10'", 5),
    rating("4.5"): ("Sessions/2", "feltArsl, a whole number 1-9, found '4.5'", 5),
    rating(""): ("Sessions/2", "feltArsl, a whole number 1-9, found ''", 5),
    no_rating: ("Sessions/2", "feltVlnc, a whole number 1-9, found none", 5),
    no_clip: ("Sessions/2", "found '../../53.avi'", 5),
    entity_bomb: ("Sessions/2", "found DTDForbidden", 5),
    external_entity: ("Sessions/2", "found DTDForbidden", 5),
    document_type: ("Sessions/2", "found DTDForbidden", 5),
    two_megabytes: ("Sessions/2", "at most 1000000 bytes", 5),
    no_xml: ("Sessions/2", "expected XML, found mismatched tag", 5),
    html: ("Sessions/2", "a session, found 'html'", 5),
    up_and_away: ("Sessions/2", "in its own folder, found '../4/x.avi'", 5),
    absolute: ("Sessions/2", "in its own folder, found '/etc/passwd'", 5),
    of_windows: ("Sessions/2", "in its own folder, found 'C:", 5),
    two_colour_videos: ("Sessions/2", "one colour video, found P1-Rec1", 5),
    cut_bdf: ("Part_1_S_Trial1", "the file is cut or damaged", 5),
    no_bytes_bdf: ("Part_1_S_Trial1", "a BioSemi BDF header", 5),
    lead_missing: ("Part_1_S_Trial1", "one channel named EXG2, found 0", 5),
    no_pulse: ("Part_1_S_Trial1", "2 pulses in the trigger channel", 5),
    one_pulse: ("Part_1_S_Trial1", "found 1", 5),
    pulses_too_near: ("Part_1_S_Trial1", "a stimulus of 5 s or more between two pulses", 5),
    cut_avi: ("C1 trigger", "the copy broke off", 5),
    no_avi: ("C1 trigger", "found a text", 5),
    short_video: ("C1 trigger", "12.00 s of video, to the end of the stimulus, found 7.70 s", 5),
}


def encoded_anew(root):
    encode_again(root, 200, 12.5)


def no_video_rate(root):
    edit_xml(root, 'vidRate="[^"]*"', "")


def edge_late(root):
    # Both pulses one second later, so that only the first expectation fails.
    edit_status(root, lambda status: np.roll(status, 256))


def bdf_too_long(root):
    path = only(root, "*.bdf")
    data = bytearray(path.read_bytes())
    data[236:244] = str(74).ljust(8).encode()
    put(path, bytes(data) + bytes(2 * 47 * 256 * 3))


def four_pulses(root):
    def change(status):
        status[15_000:15_020] = status[16_000:16_020] = 16
        return status

    edit_status(root, change)


def video_ends_early(root):
    encode_again(root, 165, 15)


def lies_there_twice(root):
    shutil.copytree(folder_of(root), root / "another download" / "2")
    only(root, "*.tsv").unlink()  # the second has more files


def edit_tsv(root, change):
    path = only(root, "*.tsv")
    put(path, change(path.read_bytes()))


def offset_of_an_hour(root):
    edit_xml(root, 'audBeginSmp="[^"]*"', 'audBeginSmp="17.5"')


def no_tsv(root):
    only(root, "*.tsv").unlink()


def tsv_of_session_4(root):
    no_tsv(root)
    shutil.copy(only(root, "*.tsv", 4), folder_of(root))


def no_movie_start(root):
    edit_tsv(root, lambda text: text.replace(b"MovieStart", b"ImageStart"))


def no_anchor(root):
    edit_tsv(root, lambda text: text.replace(b"AudioSampleNumber", b"SomethingElse"))


def no_audio_clock(root):
    edit_xml(root, 'audRate="[^"]*"', 'audRate="nan"')


ODD = {
    # (where, what is said of it, severity, trials that are left)
    encoded_anew: ("C1 trigger", "12.5 in the file, which is kept", "warning", 6),
    no_video_rate: ("C1 trigger", "no rate there, 15 in the file", "warning", 6),
    edge_late: ("Part_1_S", "the stimulus 30 s after the begin, found 31.00 s", "warning", 6),
    bdf_too_long: ("Part_1_S", "72.0 s, the stimulus and 30 s before", "warning", 6),
    four_pulses: ("Part_1_S", "found 4, of which the first two are taken", "warning", 6),
    video_ends_early: ("C1 trigger", "12.00 s of video, to the end", "warning", 6),
    lies_there_twice: ("Sessions/2", "this session once", "warning", 6),
    offset_of_an_hour: ("Sessions/2", "s by the eye tracker's table", "warning", 6),
    no_tsv: ("Sessions/2", "the eye tracker's table, P1-Rec1-..._Section_2.tsv", "note", 6),
    tsv_of_session_4: ("Sessions/2", "the eye tracker's table, P1-Rec1-..._Section_2", "note", 6),
    no_movie_start: ("Section_2.tsv", "found no MovieStart", "note", 6),
    no_anchor: ("Section_2.tsv", "the columns Timestamp, Event, AudioSampleNumber", "note", 6),
    no_audio_clock: ("session.xml", "audRate and audBeginSmp", "note", 6),
}
