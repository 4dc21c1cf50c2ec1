"""Simultaneous translation measured against utterance mode and against perfect sentences."""
