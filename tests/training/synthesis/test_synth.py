"""Synthetic speech: its format, its words' times, its voices."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from numpy.typing import NDArray

from training.starter.synthesis import other_synthesizers, synth
from training.starter.synthesis.synth import SAMPLE_RATE, SynthesisError, synthesize
from training.starter.synthesis.voices import (
    HELD_OUT_SPEAKERS,
    HELD_OUT_VARIANTS,
    OTHER_HELD_OUT_VOICES,
    OTHER_TRAIN_VOICES,
    SPEAKER_IDS,
    TARGET_VOICES,
    TRAIN_SPEAKERS,
    TRAIN_VARIANTS,
    Voice,
    draw_voice,
    is_held_out,
)

pytestmark = pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")

TEXTS = {
    "eng": "Where is the red car? I am here.",
    "spa": "¿Dónde está el coche rojo? Estoy aquí.",
    "fra": "Où est la voiture rouge ? Je suis ici.",
    "deu": "Wo ist das rote Auto? Ich bin hier.",
}
LOW = {language: voices[0] for language, voices in TARGET_VOICES.items()}


@pytest.mark.parametrize("language", TEXTS)
def test_words_cover_the_text_in_order_and_lie_within_the_samples(language: str) -> None:
    speech = synthesize(TEXTS[language], LOW[language])
    assert speech.samples.dtype == np.float32
    assert 0.05 < np.abs(speech.samples).max() <= 0.5 + 1e-6
    spoken = "".join(c for c in TEXTS[language] if c not in "¿?.")
    assert " ".join(word.text for word in speech.words).split() == spoken.split()
    for word, following in zip(speech.words, speech.words[1:], strict=False):
        assert 0 <= word.start_sample < word.end_sample <= following.start_sample
        assert TEXTS[language][word.first_character :].startswith(word.text.split()[0])
    assert speech.words[-1].end_sample <= len(speech.samples)


def test_word_times_are_where_the_sound_is() -> None:
    """The pause between the sentences is quiet, and every word is loud somewhere."""
    speech = synthesize(TEXTS["eng"], LOW["eng"])
    for word in speech.words:
        assert np.abs(speech.samples[word.start_sample : word.end_sample]).max() > 0.05
    texts = [word.text for word in speech.words]
    pause = speech.samples[
        speech.words[texts.index("car")].end_sample : speech.words[texts.index("I am")].start_sample
    ]
    assert len(pause) > 0.1 * SAMPLE_RATE
    middle = pause[len(pause) // 3 : -len(pause) // 3]
    assert np.abs(middle).max() < 0.02


def test_workers_of_either_kind_can_speak() -> None:
    """Forked from a process that has spoken already, or started anew: each has an espeak that works."""
    here = synthesize(TEXTS["eng"], LOW["eng"]).samples
    for method in ("fork", "spawn"):
        with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
            there = pool.submit(synthesize, TEXTS["eng"], LOW["eng"]).result(timeout=60).samples
        # espeak carries a little state from call to call: the pause between sentences may differ
        assert len(there) == pytest.approx(len(here), rel=0.03), method


def fundamental_hz(samples: NDArray[np.float32]) -> list[float]:
    """By autocorrelation over 64 ms, of the loud frames, between 70 and 250 Hz."""
    found = []
    for start in range(0, len(samples) - 1024, 512):
        frame = samples[start : start + 1024] - samples[start : start + 1024].mean()
        if np.mean(frame**2) > 2e-3:
            correlation = np.correlate(frame, frame, "full")[1023:]
            found.append(SAMPLE_RATE / (64 + int(np.argmax(correlation[64:228]))))
    return found


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize(("speaker_id", "hertz"), [(0, 100.0), (1, 150.0)])
def test_target_voices_hold_a_whole_number_of_periods_a_unit(
    language: str, speaker_id: int, hertz: float
) -> None:
    measured = fundamental_hz(synthesize(TEXTS[language], TARGET_VOICES[language][speaker_id]).samples)
    assert len(measured) > 10
    assert np.median(measured) == pytest.approx(hertz, rel=0.02)


def test_every_voice_is_known_to_espeak_and_is_its_own() -> None:
    sounds = {}
    for language in TEXTS:
        for variant in (*TRAIN_VARIANTS[language], *HELD_OUT_VARIANTS[language]):
            sounds[variant] = synthesize(TEXTS[language], Voice(language, variant)).samples.tobytes()
    assert len(set(sounds.values())) == len(sounds)  # an unknown variant would fall back to another's sound
    speakers = [
        synthesize(TEXTS["eng"], Voice("eng", f"en-us+{name}" if name else "en-us")).samples.tobytes()
        for name in (*TRAIN_SPEAKERS, *HELD_OUT_SPEAKERS)
    ]
    assert len(set(speakers)) > 0.85 * len(speakers)  # a few of espeak's variants are twins


def phonemes(text: str, voice: str) -> list[str]:
    """Without stress and length marks."""
    language = {"fr": "fra", "de": "deu"}[voice[:2]]
    spoken = synthesize(text, Voice(language, voice)).phonemes
    return [phoneme.name for phoneme in spoken if not phoneme.is_pause]


@pytest.mark.parametrize(
    ("text", "usual", "voice", "replaced", "replacement"),
    [
        ("un parfum", "fr", "fr-nord", "W~", "E~"),
        ("la rue", "fr", "fr-afrique", "r", "R"),
        ("le vélo", "fr", "fr-romand", "o", "O"),
        ("Käse", "de", "de-nord", "E:", "e:"),
        ("sieben Rosen", "de", "de-austria", "z", "s"),
        ("ich möchte", "de", "de-schweiz", "C", "x"),
    ],
)
def test_own_voices_replace_the_sounds_that_mark_their_region(
    text: str, usual: str, voice: str, replaced: str, replacement: str
) -> None:
    expected, found = phonemes(text, usual), phonemes(text, voice)
    assert replaced in expected
    assert replacement not in expected
    assert replacement in found
    assert replaced not in found
    assert len(found) == len(expected)


def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(SynthesisError, match=r"voice\.name"):
        synthesize("hello", Voice("eng", "en-atlantis"))


def test_text_without_sound_is_refused() -> None:
    with pytest.raises(SynthesisError, match="text"):
        synthesize("", Voice("eng", "en-us"))


@pytest.mark.parametrize("language", TEXTS)
def test_held_out_voices_are_never_drawn_for_training(language: str) -> None:
    rng = np.random.default_rng(0)
    trained = [draw_voice(language, rng, other_share=0.1) for _ in range(400)]
    held_out = [draw_voice(language, rng, held_out=True, other_share=0.1) for _ in range(400)]
    assert not any(is_held_out(voice) for voice in trained)
    assert all(is_held_out(voice) for voice in held_out)
    assert not {voice.name for voice in trained} & {voice.name for voice in held_out}
    assert {voice.synthesizer for voice in trained} > {"espeak"}


def test_a_whole_synthesizer_is_held_out() -> None:
    trained = {name.partition(":")[0] for names in OTHER_TRAIN_VOICES.values() for name in names}
    assert {name.partition(":")[0] for name in OTHER_HELD_OUT_VOICES} - trained == {"festival"}


def test_speaker_ids_are_those_of_the_target_voices() -> None:
    assert all(len(voices) == len(SPEAKER_IDS) for voices in TARGET_VOICES.values())


def needs(synthesizer: str) -> pytest.MarkDecorator:
    missing = synthesizer in synth.missing_synthesizers()
    return pytest.mark.skipif(missing, reason=f"{synthesizer} is not installed")


@pytest.mark.parametrize(
    ("language", "name"),
    [
        *(
            pytest.param(language, name, marks=needs(name.partition(":")[0]))
            for language, names in OTHER_TRAIN_VOICES.items()
            for name in names
        ),
        *(pytest.param("eng", name, marks=needs(name.partition(":")[0])) for name in OTHER_HELD_OUT_VOICES),
    ],
)
def test_other_synthesizers_speak_too(language: str, name: str) -> None:
    slow = synthesize(TEXTS[language], Voice(language, name, rate_wpm=120))
    fast = synthesize(TEXTS[language], Voice(language, name, rate_wpm=210))
    assert 0.5 * SAMPLE_RATE < len(fast.samples) < 6 * SAMPLE_RATE
    assert np.sqrt(np.mean(fast.samples**2)) > 0.02
    if name != "festival:cmu_us_slt_arctic_hts":  # it has one rate
        assert len(slow.samples) > 1.2 * len(fast.samples)
    assert slow.words == ()


@pytest.mark.parametrize(
    "name",
    [pytest.param(f"{each}:nobody", marks=needs(each)) for each in ("flite", "pico", "festival")]
    + ["samson:delilah"],
)
def test_an_unknown_voice_of_another_synthesizer_is_refused(name: str) -> None:
    with pytest.raises(SynthesisError, match=r"voice\.name"):
        synthesize("hello", Voice("eng", name))


@needs("festival")
def test_festival_goes_on_after_an_unknown_voice_and_in_a_forked_worker() -> None:
    voice = Voice("eng", "festival:ked_diphone")
    here = synthesize("hello there", voice).samples
    with pytest.raises(SynthesisError):
        synthesize("hello there", Voice("eng", "festival:nobody"))
    assert synthesize('say "hello" there', voice).samples.size > 0
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        there = pool.submit(synthesize, "hello there", voice).result(timeout=60).samples
    np.testing.assert_array_equal(there, here)


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    other_synthesizers._festival_of.cache_clear()
    other_synthesizers._flite_voices.cache_clear()
    monkeypatch.setenv("PATH", "/nonexistent")
    assert {"flite", "festival"} <= set(synth.missing_synthesizers())
    for name in ("flite:slt", "festival:ked_diphone"):
        with pytest.raises(SynthesisError, match=name.partition(":")[0]):
            synthesize("hello", Voice("eng", name))


def period_samples(samples: NDArray[np.float32]) -> int:
    """Of a monotone voice of about 100 Hz."""
    power = np.abs(np.fft.rfft(samples, 1 << 17)) ** 2
    return 110 + int(np.fft.irfft(power)[110:230].argmax())


@pytest.mark.parametrize("speed", [0.86, 1.17])
def test_a_faster_tape_is_higher_and_its_words_stay_in_place(speed: float) -> None:
    voice = LOW["eng"]
    plain = synthesize(TEXTS["eng"], voice)
    played = synthesize(TEXTS["eng"], replace(voice, tape_speed=speed))
    assert len(played.samples) == pytest.approx(len(plain.samples), rel=0.12)
    assert period_samples(plain.samples) / period_samples(played.samples) == pytest.approx(speed, rel=0.03)
    assert [word.text for word in played.words] == [word.text for word in plain.words]
    for before, after in zip(plain.words, played.words, strict=True):
        share = before.start_sample / len(plain.samples)
        assert after.start_sample / len(played.samples) == pytest.approx(share, abs=0.04)
    assert played.phonemes[-1].start_sample <= len(played.samples)
