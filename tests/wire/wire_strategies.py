"""Plain data of every kind that the wire carries, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from translate_svc import types
from translate_svc.types import (
    AckInput,
    AudioClip,
    AudioFormat,
    AudioInput,
    Cleared,
    ClearInput,
    Closed,
    DraftReport,
    Encoding,
    EndInput,
    EndReason,
    FinalizeInput,
    GoAway,
    GuardSettings,
    Inspect,
    Opened,
    Progress,
    SampleRange,
    Segmentation,
    SilenceInput,
    SimultaneousSettings,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StageTiming,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
    TokenInfo,
    TranslateRequest,
    Updated,
    UpdateInput,
    Usage,
    UtteranceDone,
    UtteranceStatus,
    VadSettings,
)

counts = st.integers(0, 2**63 - 1)
small_counts = st.integers(0, 2**31 - 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=12)
names = st.text(min_size=1, max_size=12)
formats = st.builds(
    AudioFormat, st.sampled_from(Encoding), st.integers(1, 2**31 - 1), st.integers(1, 8), small_counts
)
targets = st.lists(
    st.builds(
        TargetSettings,
        texts,
        st.booleans(),
        st.booleans(),
        st.none() | small_counts,
        numbers,
        st.none() | numbers,
    ),
    max_size=3,
).map(tuple)
includes = st.frozensets(st.sampled_from(Inspect))
beam_searches = st.builds(types.BeamSearchSettings, st.none() | small_counts, st.none() | numbers)
guards = st.builds(GuardSettings, *[st.booleans()] * 4)
settings = st.builds(
    StreamSettings,
    targets=targets,
    source_language=st.none() | names,
    include=includes,
    segmentation=st.sampled_from(Segmentation),
    vad=st.builds(VadSettings, st.none() | numbers, *(st.none() | small_counts for _ in range(4))),
    guards=guards,
    simultaneous=st.none() | st.builds(SimultaneousSettings, *[st.none() | small_counts] * 3),
    beam_search=st.none() | beam_searches,
    source_candidates=st.lists(names, max_size=3).map(tuple),
    echo=st.sampled_from(types.Echo),
)
configs = st.builds(
    StreamConfig, formats, formats, settings, st.binary(max_size=8), st.none() | counts, st.none() | counts
)
requests = st.one_of(
    configs,
    st.builds(AudioInput, st.binary(max_size=16)),
    st.builds(SilenceInput, counts),
    st.builds(FinalizeInput),
    st.builds(UpdateInput, settings),
    st.builds(ClearInput),
    st.builds(AckInput, counts),
    st.builds(EndInput, counts),
)

clips = st.builds(
    AudioClip, formats, st.binary(max_size=16), st.lists(st.binary(max_size=8), max_size=3).map(tuple)
)
calls = st.builds(TranslateRequest, texts | clips, targets, formats, st.none() | names, includes, guards)

ranges = st.builds(SampleRange, counts, counts)
usages = st.builds(Usage, counts, counts, counts, counts)
tokens = st.builds(TokenInfo, texts, small_counts, numbers, st.none() | counts)
timings = st.builds(StageTiming, texts, numbers, small_counts)
units = st.lists(small_counts, max_size=4).map(tuple)
results = st.one_of(
    st.builds(
        TextDelta,
        counts,
        ranges,
        texts,
        texts,
        st.booleans(),
        st.booleans(),
        st.lists(tokens, max_size=3).map(tuple),
        counts,
    ),
    st.builds(
        SpeechChunk,
        counts,
        ranges,
        texts,
        counts,
        st.binary(max_size=8),
        st.booleans(),
        units,
        units,
        st.integers(-(2**31), 2**31 - 1),
        small_counts,
        st.lists(st.binary(max_size=8), max_size=3).map(tuple),
        counts,
    ),
    st.builds(types.LanguageDetected, counts, texts, numbers, st.booleans()),
    st.builds(
        UtteranceDone,
        counts,
        ranges,
        st.sampled_from(UtteranceStatus),
        usages,
        st.lists(timings, max_size=3).map(tuple),
        st.none() | numbers,
        st.none() | numbers,
        st.lists(
            st.builds(
                types.TextConfidence,
                names,
                st.booleans(),
                numbers,
                st.booleans(),
                st.lists(
                    st.builds(types.SentenceConfidence, small_counts, small_counts, numbers, st.booleans()),
                    max_size=2,
                ).map(tuple),
            ),
            max_size=3,
        ).map(tuple),
        st.lists(
            st.builds(
                types.TextAlternatives,
                names,
                st.booleans(),
                st.lists(st.builds(types.TextAlternative, texts, numbers), max_size=3).map(tuple),
            ),
            max_size=2,
        ).map(tuple),
    ),
    st.builds(types.StreamWarning, texts, texts, st.none() | counts, st.none() | names),
)
events = results | st.one_of(
    st.builds(Opened, texts, configs, st.binary(max_size=8)),
    st.builds(SpeechStarted, counts, counts, counts),
    st.builds(SpeechEnded, counts, ranges, st.sampled_from(EndReason)),
    st.builds(DraftReport, counts, texts, st.booleans(), counts, small_counts, *[texts] * 4),
    st.builds(Updated, counts),
    st.builds(Cleared, counts),
    st.builds(Progress, counts, counts, st.binary(max_size=8), counts),
    st.builds(GoAway, counts),
    st.builds(Closed, st.booleans(), usages),
)
