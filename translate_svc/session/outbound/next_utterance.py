"""The state that the next utterance of a stream starts from."""

from __future__ import annotations

from collections.abc import Sequence

from translate_svc.session.outbound.commit_points import CommitPoint
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.utterances.hypothesis_builder import Continuation


class NextUtterance:
    """The settings in force, and the continuation that a cut utterance leaves. A commit point records both.

    ``heard_position``: input sample through which simultaneous translation has heard. After a cut the input
    is processed again, but steps up to there are not translated again.
    """

    def __init__(self, settings: Negotiated, start: CommitPoint, max_gap_samples: int) -> None:
        """``start``: from where the stream begins. ``max_gap_samples``: the longest audio without speech
        after which text is continued.
        """
        self.settings = settings
        self.heard_position = start.heard_position
        self._applied_updates = start.applied_updates
        self._max_gap_samples = max_gap_samples
        self._continued: tuple[int, Continuation] | None = None
        if start.continued_from is not None and start.continuation is not None:
            self._continued = start.continued_from, start.continuation

    def apply(self, settings: Negotiated) -> None:
        """Replaces the settings."""
        if self._continued is not None:
            position, continued = self._continued
            self._continued = position, continued.for_sequences(self.settings.sequences, settings.sequences)
        self.settings = settings
        self._applied_updates += 1

    def continue_from(self, position: int, continuation: Continuation) -> None:
        """An utterance was cut within the speech at input sample ``position``."""
        self._continued = position, continuation

    def take_continuation(self, position: int) -> Continuation | None:
        """The cut utterance that an utterance at ``position`` continues; None after too long a gap."""
        cut_position, continued = self._continued or (position, None)
        self._continued = None
        # the detector found no speech in the audio of the text that it carries
        return None if position - cut_position > self._max_gap_samples else continued

    def forget_continuation(self) -> None:
        """The input before was cleared."""
        self._continued = None

    def commit_point(
        self, position: int, next_utterance_id: int, updates: Sequence[Negotiated]
    ) -> CommitPoint:
        """The commit point at ``position``, from which ``updates`` apply."""
        continued_from, continuation = self._continued or (None, None)
        settings = self.settings
        for update in updates:
            if continuation is not None:
                continuation = continuation.for_sequences(settings.sequences, update.sequences)
            settings = update
        return CommitPoint(
            position,
            next_utterance_id,
            settings.settings,
            self._applied_updates + len(updates),
            continued_from=continued_from,
            continuation=continuation,
            heard_position=self.heard_position,
        )
