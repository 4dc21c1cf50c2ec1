"""``translate-svc translate``: translates audio and video files."""

from __future__ import annotations

from translate_svc.cli import interrupts, options
from translate_svc.cli.backends.connection import ModelFlags
from translate_svc.cli.media.arguments import TranslateArguments
from translate_svc.cli.media.file_translation import FileTranslation


@options.with_flags
def translate(arguments: TranslateArguments, model: ModelFlags) -> None:
    """Translate audio or video files of any length; show their texts with the times at which they were said.
    Texts (.txt) and subtitles (.srt, .vtt, .ass) are translated too: the same format comes out.

    The dub (-o) is as long as its source, in any container that its name says, at the loudness of EBU R 128.
    Every utterance begins when it was said, or later if the one before is not finished. With several targets,
    out.wav becomes out.spa.wav and out.fra.wav; subtitles are named in the same way, and those of the
    transcript are out.eng.srt. Files appear when they are complete, and an input is never overwritten. If a
    run fails or is ended, its texts so far are in a hidden file, .out.srt.NUMBER.part, until the next run.

    The name of a film (-o film.es.mp4) makes a copy of it. The dub is the track that plays, beside the
    film's own tracks, and there are subtitles. With --burn-in these are drawn into its picture instead.

    Several inputs, or all media files of a directory, are translated one after another with --format, which
    writes talk.spa.srt for talk.mp3. Many files are faster with batch, which also goes on where it stopped.
    Subtitles have two lines of 42 characters, broken between phrases.

    With --speakers-by-channel the two sides of a call become one conversation: in texts, subtitles and --json
    it is said who speaks, Left or Right, and the dub is stereo.

    Subtitles keep their times: film.srt is shown translated, or written to -o film.es.srt; -o film.wav
    speaks it. With --subtitles-in a film is dubbed from subtitles that somebody has corrected.

    With --simultaneous the texts come as they would live. A text may then differ from the one that is made of
    the whole utterance, which is usually better.

    Examples:
      translate-svc translate film.mkv --from en --to es --subtitles film.srt
      translate-svc translate film.mp4 --from en --to es -o film.es.mp4
      translate-svc translate film.mp4 --from en --to es -o film.es.mp4 --burn-in
      translate-svc translate film.srt --from en --to es -o film.es.srt
      translate-svc translate film.mp4 --subtitles-in film.srt --from en --to es -o film.es.mp4
      translate-svc translate talk.mp3 --from en --to es,fr -o dub.wav
      translate-svc translate film.mp4 --to es --start 1:30:00 --duration 90 -o scene.es.mp4
      translate-svc translate https://example.org/talk.mp3 --to es
      translate-svc translate talk.mp3 --to es --voice 1 --speed 1.2 -o dub.wav
      translate-svc translate talks/ --to es --format srt,txt --output-dir out
      translate-svc translate call.wav --from de --to en --channel left
      translate-svc translate call.wav --to en --speakers-by-channel -o dub.wav
      ffmpeg -i film.mp4 -f wav - | translate-svc translate - --to fr
    """
    # the engine in this process is made for the longest utterance
    backend = model.backend({"max_utterance_ms": arguments.vad.max_utterance_ms})
    interrupts.run(FileTranslation(arguments, backend).run(), terminable=True)
