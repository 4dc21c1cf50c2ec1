"""Mistakes that were made once, somewhere: each is seeded into sound manifests, and one rule must see it."""

from tests.k8s.mistakes import computing, deleting, guarding, placing, routing, serving, storing
from tests.k8s.mistakes.seeding import Mistake

__all__ = ["MISTAKES", "Mistake"]

MISTAKES = (
    placing.MISTAKES
    + serving.MISTAKES
    + guarding.MISTAKES
    + routing.MISTAKES
    + storing.MISTAKES
    + computing.MISTAKES
    + deleting.MISTAKES
)
