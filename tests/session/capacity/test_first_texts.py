"""Those who are admitted get their texts in time, however many others come."""

from __future__ import annotations

from statistics import median

import numpy as np
import pytest

from tests.session.capacity.simulated_server import SimulatedServer
from translate_svc.session.capacity.estimate import CapacityOptions


@pytest.mark.parametrize("targets", [1, 3])
def test_those_inside_wait_a_quarter_longer_at_most_whatever_is_offered(targets: int) -> None:
    """At one, two and four times what the server carries, in comparison with 0.8 times."""
    server = SimulatedServer(CapacityOptions(max_streams=200), targets)
    server.run(60, seconds=90)
    capacity = median(server.capacities[-60:])
    p95_ms = {}
    for load in (0.8, 1, 2, 4):
        server.run(round(load * capacity), seconds=60)
        p95_ms[load] = float(np.percentile(server.first_text_ms, 95))
    assert max(p95_ms.values()) <= 1.25 * p95_ms[0.8], (capacity, p95_ms)
