"""The recipe "A commit policy": hold-n, which needs no attention (Liu et al. 2020, section 3.1)."""

from __future__ import annotations

import pytest

from tests.recipes.repository_copy import MakeCopy

POLICIES = "translate_svc/engine/simultaneous/commit_policy.py"
ALIGNMENT = "translate_svc/models/alignment/alignment_file.py"
TRAITS = "translate_svc/engine/simultaneous/hypothesis.py"
HOLD_N = '''@dataclass(frozen=True, slots=True)
class HoldN:
    """Holds the last ``tokens`` tokens of every hypothesis."""

    tokens: int

    def decide(self, hypothesis: Hypothesis, previous: Hypothesis | None) -> CommitDecision:
        """Implements ``CommitPolicy``."""
        limit = max(0, hypothesis.new_tokens - self.tokens)
        return _decide(hypothesis, previous, [(limit, HoldReason.NEAR_END)])


'''


@pytest.mark.slow
def test_a_policy_is_a_class_and_its_name(copy_for: MakeCopy) -> None:
    copy = copy_for("A commit policy.")
    union = "AnyCommitPolicy = AlignAtt | LocalAgreement | AlignAttAgreement\n"
    copy.replace(POLICIES, union, HOLD_N + union.replace("\n", " | HoldN\n"))
    copy.append(POLICIES, "        AGREEMENT: LocalAgreement(),\n", '        "hold_n": HoldN(3),\n')
    copy.append(ALIGNMENT, '    AGREEMENT = "agreement"\n', '    HOLD_N = "hold_n"\n')
    copy.replace(
        ALIGNMENT,
        "policy is not PolicyName.AGREEMENT",
        "policy not in (PolicyName.AGREEMENT, PolicyName.HOLD_N)",
    )
    copy.replace(TRAITS, "self.policy != AGREEMENT", 'self.policy not in (AGREEMENT, "hold_n")')
    copy.test(
        "tests/recipes/examples/check_hold_n.py",
        "tests/remote_engine/test_codec.py",
        "-k",
        "hold_n or HoldN",
    )
