"""Row 27 of what may go wrong: what the container cannot hold is named, all else is kept."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from av.stream import AttachmentStream, Disposition, Stream

from tests import films
from tests.conftest import Command
from tests.folder import RULE


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return films.film(tmp_path_factory.mktemp("film"))


def described(path: Path) -> list[tuple[str, str | None, str | None, Disposition]]:
    """Codec, language, name and disposition of every stream but MP4's own one for chapters."""
    with av.open(str(path)) as container:
        return [
            (codec(stream), language(stream), title(stream), stream.disposition)
            for stream in container.streams
            if stream.type != "data"
        ]


def codec(stream: Stream) -> str:
    context = stream.codec_context
    return stream.type if context is None else context.codec.canonical_name


def language(stream: Stream) -> str | None:
    return None if stream.language == "und" else stream.language


def title(stream: Stream) -> str | None:
    handler = stream.metadata.get("handler_name", "")
    return stream.metadata.get("title") or (None if "Handler" in handler else handler or None)


def chapters(path: Path) -> list[tuple[float, float, str]]:
    with av.open(str(path)) as container:
        return [
            (
                float(each["start"] * (each["time_base"] or 0)),
                float(each["end"] * (each["time_base"] or 0)),
                each["metadata"]["title"],
            )
            for each in container.chapters()
        ]


def cover(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return next(
            bytes(packet)
            for packet in container.demux(video=1)
            if packet.stream.disposition & Disposition.attached_pic
        )


def cues(path: Path, index: int) -> list[tuple[float, float, str]]:
    """Begin, end and text of every line of a stream of subtitles."""
    said = []
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[index]
        for packet in container.demux(stream):
            shown = stream.decode2(packet) if packet.size else None
            if shown is not None and packet.pts is not None and packet.duration is not None:
                begin = float(packet.pts * packet.time_base)
                text = shown[0].ass.decode().split(",", 8)[-1]  # type: ignore[attr-defined] # text, no picture
                end = begin + float(packet.duration * packet.time_base)
                # Two ways to end italics: back to the style, or back to upright
                said.append((begin, end, text.replace(r"{\r}", r"{\i0}")))
    return said


def notes(stderr: str) -> list[str]:
    # A busy machine is slow enough for a line of progress
    lines = [line for line in stderr.splitlines() if " frames  " not in line]
    return [line.removeprefix("note: ") for line in lines]


NONE, DEFAULT, COVER = Disposition(0), Disposition.default, Disposition.attached_pic
CHAPTERS = [(0.0, 1.0, "One"), (1.0, 3.0, "Two")]


def test_row_27_matroska_keeps_everything(rlcodec: Command, tmp_path: Path, film: Path) -> None:
    done = rlcodec("transcode", *RULE, film, "out.mkv")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out.mkv"
    assert notes(done.stderr) == []
    assert described(out) == [
        ("h264", "deu", "Main", NONE),
        ("ac3", "eng", None, Disposition.comment),
        ("flac", "fra", "Commentaire", DEFAULT),
        ("subrip", "deu", None, NONE),
        ("ass", "eng", None, NONE),
        ("webvtt", None, None, Disposition.forced),
        ("attachment", None, None, NONE),
        ("mjpeg", None, None, COVER),
    ]
    assert chapters(out) == CHAPTERS
    assert cover(out) == cover(film)
    with av.open(str(out)) as container:
        font = container.streams[6]
        assert isinstance(font, AttachmentStream)
        assert (font.name, font.mimetype, font.data) == (
            "font.ttf",
            "application/x-truetype-font",
            films.FONT,
        )
        assert container.metadata["title"] == "A film; with more"
        assert container.metadata["ARTIST"] == "Somebody"
    assert films.complaints(out) == ""


def test_row_27_mp4_gets_other_subtitles(rlcodec: Command, tmp_path: Path, film: Path) -> None:
    done = rlcodec("transcode", *RULE, film, "out.mp4")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out.mp4"
    cannot = ".mp4 files cannot hold it"
    assert notes(done.stderr) == [
        f"subtitle stream 3 (subrip) becomes mov_text: {cannot}",
        f"subtitle stream 4 (ass) becomes mov_text: {cannot}; of its styling, little is left",
        f"subtitle stream 5 (webvtt) becomes mov_text: {cannot}",
        f"attachment font.ttf is left out: {cannot}",
    ]
    assert described(out) == [
        ("h264", "deu", "Main", DEFAULT),
        ("ac3", "eng", None, Disposition.comment),
        ("flac", "fra", "Commentaire", DEFAULT),
        ("mov_text", "deu", None, DEFAULT),
        ("mov_text", "eng", None, NONE),
        ("mov_text", None, None, Disposition.forced),
        ("mjpeg", None, None, COVER),
    ]
    assert chapters(out) == CHAPTERS
    assert cover(out) == cover(film)
    for index in range(3):
        assert cues(out, index) == cues(film, index)
    with av.open(str(out)) as container:
        assert container.metadata["title"] == "A film; with more"
        assert container.metadata["artist"] == "Somebody"


def test_row_27_mov_gets_other_audio(rlcodec: Command, tmp_path: Path, film: Path) -> None:
    done = rlcodec("transcode", *RULE, film, "out.mov")
    assert done.returncode == 0, done.stderr
    said = "audio stream 2 (flac) becomes AAC at 192 kbit/s: .mov files cannot hold it"
    assert said in notes(done.stderr)
    kept = [(name, tongue) for name, tongue, _, _ in described(tmp_path / "out.mov")]
    assert kept[:3] == [("h264", None), ("ac3", "eng"), ("aac", "fra")]
    assert chapters(tmp_path / "out.mov") == CHAPTERS


def test_row_27_ts_says_what_it_cannot_hold(rlcodec: Command, tmp_path: Path, film: Path) -> None:
    done = rlcodec("transcode", *RULE, film, "out.ts")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out.ts"
    cannot = ".ts files cannot hold it"
    assert [note for note in notes(done.stderr) if ".ts files cannot" in note] == [
        f"audio stream 2 (flac) becomes AAC at 192 kbit/s: {cannot}",
        f"subtitle stream 3 (subrip) is left out: {cannot}",
        f"subtitle stream 4 (ass) is left out: {cannot}",
        f"subtitle stream 5 (webvtt) is left out: {cannot}",
        f"attachment font.ttf is left out: {cannot}",
        f"cover art in stream 7 (mjpeg) is left out: {cannot}",
        "2 chapters are left out: .ts files cannot hold them",
    ]
    assert [(name, tongue) for name, tongue, _, _ in described(out)] == [
        ("h264", None),
        ("ac3", "eng"),
        ("aac", "fra"),
    ]
    assert films.complaints(out) == ""


def test_row_27_from_mp4_to_matroska(rlcodec: Command, tmp_path: Path, film: Path) -> None:
    assert rlcodec("transcode", *RULE, film, "film.mp4").returncode == 0
    done = rlcodec("transcode", *RULE, "film.mp4", "out.mkv")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out.mkv"
    # Nothing is said of the stream in which MP4 keeps its chapters
    said = [note for note in notes(done.stderr) if "moved" not in note]
    assert said == [
        f"subtitle stream {index} (mov_text) becomes subrip: .mkv files cannot hold it"
        for index in (3, 4, 5)
    ]
    assert [(name, tongue, called) for name, tongue, called, _ in described(out)] == [
        ("h264", "deu", "Main"),
        ("ac3", "eng", None),
        ("flac", "fra", "Commentaire"),
        ("subrip", "deu", None),
        ("subrip", "eng", None),
        ("subrip", None, None),
        ("mjpeg", None, None),
    ]
    assert chapters(out) == CHAPTERS
    assert cover(out) == cover(film)
    with av.open(str(out)) as container:
        said = [bytes(packet).decode() for packet in container.demux(subtitles=0) if packet.size]
    assert said == [text for _, _, text in films.CUES]


def test_row_27_further_video_is_named(rlcodec: Command, tmp_path: Path, film: Path) -> None:
    both = tmp_path / "both.mkv"
    films.ffmpeg("-i", film, "-map", "0:v:0", "-map", "0:v:0", "-c", "copy", both)
    done = rlcodec("transcode", *RULE, both, "out.mkv")
    assert done.returncode == 0, done.stderr
    assert "video stream 1 (h264) is left out: one video stream is transcoded, the first" in notes(
        done.stderr
    )
    assert [name for name, _, _, _ in described(tmp_path / "out.mkv")] == ["h264"]


def test_row_27_streams_left_out_on_demand_are_not_named(
    rlcodec: Command, tmp_path: Path, film: Path
) -> None:
    done = rlcodec("transcode", *RULE, film, "out.mp4", "--no-audio", "--no-subtitles")
    assert done.returncode == 0, done.stderr
    assert notes(done.stderr) == ["attachment font.ttf is left out: .mp4 files cannot hold it"]
    assert [name for name, _, _, _ in described(tmp_path / "out.mp4")] == ["h264", "mjpeg"]


def test_row_27_a_timecode_is_kept(rlcodec: Command, tmp_path: Path, film: Path) -> None:
    source = tmp_path / "camera.mov"
    films.ffmpeg("-i", film, "-map", "0:v:0", "-c", "copy", "-timecode", "01:02:03:04", source)
    for suffix in "mov", "mp4":
        done = rlcodec("transcode", *RULE, source, f"out.{suffix}")
        assert done.returncode == 0, done.stderr
        assert notes(done.stderr) == []
        with av.open(str(tmp_path / f"out.{suffix}")) as container:
            codes = [stream.metadata.get("timecode") for stream in container.streams.data]
            assert "01:02:03:04" in codes


def test_row_27_audio_without_sound_is_named(rlcodec: Command, tmp_path: Path, film: Path) -> None:
    source = tmp_path / "broadcast.ts"
    with av.open(str(film)) as container, av.open(str(source), "w") as target:
        video = target.add_stream_from_template(container.streams.video[0])
        target.add_mux_stream("mp2", rate=48000)  # announced, and never sent
        for packet in container.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                target.mux(packet)
    done = rlcodec("transcode", *RULE, source, "out.mp4")
    assert done.returncode == 0, done.stderr
    assert any("holds no sound" in note for note in notes(done.stderr))


def test_row_27_data_that_nobody_can_hold_is_named(
    rlcodec: Command, tmp_path: Path, film: Path
) -> None:
    source = tmp_path / "flight.ts"
    with av.open(str(film)) as container, av.open(str(source), "w") as target:
        video = target.add_stream_from_template(container.streams.video[0])
        data = target.add_data_stream("klv")
        for packet in container.demux(video=0):
            if packet.dts is not None:
                position = av.Packet(b"\x06\x0e\x2b\x34" + bytes(12) + b"\x01\x00")
                position.stream, position.time_base = data, packet.time_base
                position.pts = position.dts = packet.dts
                packet.stream = video
                target.mux([packet, position])
    done = rlcodec("transcode", *RULE, source, "out.mp4")
    assert done.returncode == 0, done.stderr
    assert "data stream 1 (klv) is left out: .mp4 files cannot hold it" in notes(done.stderr)
    done = rlcodec("transcode", *RULE, source, "out.ts")
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "out.ts")) as container:
        assert [stream.type for stream in container.streams] == ["video", "data"]
        assert sum(packet.size == 18 for packet in container.demux(data=0)) == 75


def test_row_27_texts_that_overlap_come_in_time_in_mp4(
    rlcodec: Command, tmp_path: Path, film: Path
) -> None:
    lines = [(1.0, 2.0, "A"), (1.5, 2.5, "B"), (2.6, 2.8, "C"), (2.6, 2.9, "D")]
    text = [
        f"{number}\n{films.stamp(begin)} --> {films.stamp(end)}\n{said}\n"
        for number, (begin, end, said) in enumerate(lines, start=1)
    ]
    (tmp_path / "said.srt").write_text("\n".join(text), encoding="utf-8")
    source = tmp_path / "in.mkv"
    films.ffmpeg(
        *("-i", film, "-i", tmp_path / "said.srt", "-map", "0:v:0", "-map", "1"),
        *("-c:v", "copy", "-c:s", "srt", source),
    )
    assert rlcodec("transcode", *RULE, source, "out.mp4").returncode == 0
    assert cues(tmp_path / "out.mp4", 0) == [
        (1.0, 1.5, "A"),
        (1.5, 2.5, "B"),
        (2.6, pytest.approx(2.9), "C\\ND"),
    ]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_row_27_chapters_before_the_beginning_go(
    rlcodec: Command, tmp_path: Path, film: Path, suffix: str
) -> None:
    source = tmp_path / "late.mkv"
    films.ffmpeg(
        *("-itsoffset", "10", "-i", film, "-i", film.with_name("chapters.txt"), "-map", "0:v:0"),
        *("-map_chapters", "1", "-c", "copy", "-copyts", source),
    )
    done = rlcodec("transcode", *RULE, source, f"out.{suffix}")
    assert done.returncode == 0, done.stderr
    assert chapters(tmp_path / f"out.{suffix}") == []


def test_row_27_more_channels_than_encoders_know_are_named(
    rlcodec: Command, tmp_path: Path, film: Path
) -> None:
    source = tmp_path / "nine.mkv"
    films.ffmpeg(
        *("-i", film, "-f", "lavfi", "-i", f"aevalsrc={'|'.join(['0.1'] * 9)}:d=1:s=48000"),
        *("-map", "0:v:0", "-map", "1", "-c:v", "copy", "-c:a", "pcm_s16le", source),
    )
    done = rlcodec("transcode", *RULE, source, "out.mp4")
    assert done.returncode == 0, done.stderr
    assert any("9 channels cannot be encoded" in note for note in notes(done.stderr))


def test_row_27_long_titles_fit_into_ts(rlcodec: Command, tmp_path: Path, film: Path) -> None:
    source = tmp_path / "long.mkv"
    films.ffmpeg(
        "-i", film, "-map", "0:v:0", "-c", "copy", "-metadata", f"title={'é' * 300}", source
    )
    done = rlcodec("transcode", *RULE, source, "out.ts")
    assert done.returncode == 0, done.stderr


def test_m2ts_has_the_form_of_blu_ray(rlcodec: Command, tmp_path: Path, film: Path) -> None:
    assert rlcodec("transcode", *RULE, film, "out.m2ts").returncode == 0
    whole = (tmp_path / "out.m2ts").read_bytes()
    assert len(whole) % 192 == 0
    assert {whole[place] for place in range(4, len(whole), 192)} == {0x47}
