"""Subtitles in the picture of a film: fonts, drawn cues, and the picture that is encoded again."""
