"""What one kind of request costs beside another."""

from __future__ import annotations

from collections.abc import Sequence

from translate_svc.engine.sequence_spec import SequenceSpec

_ENCODING, _TEXT, _SPEECH = 0.66, 0.34, 0.67
"""Shares of an utterance with one text, at the published size on a CPU (``make full-size``, seconds): encoder
4.0, decoder 2.1, and for speech 4.1 (text-to-unit 1.5, vocoder 2.6).
"""
_CASCADE = 0.05
"""What is read again of a translation (``SequenceSpec.cascade_weight``), beside its text."""
_RETRY = 0.1
"""What a retry of the transcript (``SequenceSpec.retries``) costs, of an utterance with one text: one
utterance in seven is encoded again for it (the starter, on sentences that it is made for).
"""
_GROWING = 4.0
"""Simultaneous translation hears the same audio several times (``make simultaneous``: engine time)."""


def relative_cost(sequences: Sequence[SequenceSpec], *, is_growing: bool) -> float:
    """The engine's work for a second of speech, for these ``sequences``; 1 is that for one text.

    It only tells kinds apart: what the work is in seconds is measured. ``is_growing``: simultaneously.
    """
    texts = sum(_TEXT * spec.slots + _CASCADE * (spec.cascade_weight > 0) for spec in sequences)
    retries = sum(_RETRY * spec.retries for spec in sequences)
    speeches = sum(_SPEECH for spec in sequences if spec.speech)
    return (_ENCODING + texts + retries + speeches) * (_GROWING if is_growing else 1.0)
