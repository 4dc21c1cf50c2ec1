"""An independent recognizer: PocketSphinx, with a language model of the phrasebook's sentences.

Without a language model of the domain it gets every other word of any synthesizer wrong, which would say
nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pocketsphinx import Decoder
from pocketsphinx.lm import ArpaBoLM

from benchmarks.quality.figures import Figures, RecognizerFigures
from benchmarks.quality.measure import in_a_quiet_room
from benchmarks.quality.measures.scores import normalized, word_error_rate
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples


class DomainRecognizer:
    """English by PocketSphinx's own acoustic model and dictionary, with trigrams of ``sentences``.

    Sentences with a word that the dictionary lacks are left out of the model.
    """

    def __init__(self, sentences: Sequence[str]) -> None:
        self._decoder = Decoder(samprate=INTERNAL_SAMPLE_RATE_HZ, cmn="batch", lm=None, loglevel="FATAL")
        known = [normalized(sentence) for sentence in sentences if self.knows(sentence)]
        trigrams = ArpaBoLM(text="\n".join(known), add_start=True)
        trigrams.compute()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "domain.arpa"
            with path.open("w", encoding="utf-8") as file:
                trigrams.write(file)
            self._decoder.add_lm_file("domain", str(path))
        self._decoder.activate_search("domain")
        self._vocabulary = {word for sentence in known for word in sentence.split()}

    def knows(self, text: str) -> bool:
        """Whether the dictionary has every word of ``text``."""
        return all(self._decoder.lookup_word(word) is not None for word in normalized(text).split())

    def can_recognize(self, text: str) -> bool:
        """Whether every word of ``text`` occurs in the domain."""
        return self._vocabulary.issuperset(normalized(text).split())

    def transcribe(self, samples: Samples) -> str:
        """The words in mono float32 ``samples`` at 16 kHz; "" if it hears none."""
        pcm = np.rint(np.clip(samples, -1.0, 1.0) * 32_767).astype("<i2").tobytes()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, no_search=False, full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return "" if hypothesis is None else str(hypothesis.hypstr)


def compare_with_synthesizer(
    recognizer: DomainRecognizer,
    speaker_id: int,
    spoken: Sequence[tuple[str, Samples]],
    originals: Sequence[Samples],
) -> Figures:
    """The service's speech compared with the synthesizer's of the same texts, ``originals``, in the same
    room; no figure if there is no speech.
    """
    if not spoken:
        return Figures()
    texts = [text for text, _ in spoken]
    ours, theirs = (
        word_error_rate(texts, [recognizer.transcribe(in_a_quiet_room(each)) for each in speech])
        for speech in ([samples for _, samples in spoken], originals)
    )
    return Figures(recognizer=(RecognizerFigures(speaker_id, ours, theirs, len(texts)),))
