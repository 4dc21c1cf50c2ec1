"""Subtitles: texts of utterances become cues, and cues become files."""
