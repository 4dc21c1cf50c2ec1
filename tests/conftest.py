"""For all tests."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from translate_svc.garbage_collection import collection_paused, keep_all

# The examples of `make test` are the same each time: a change fails for what it changes, on a machine however
# busy. `make soak` looks for new ones.
settings.register_profile(
    "check", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "explore", max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("check")

# Under nohup it is ignored, and so it would be by the commands under test.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and tests stay to the end, so the garbage collector need not look at them again and again."""
    with collection_paused():
        collected = yield
    keep_all()
    return collected


@pytest.fixture(autouse=True, scope="session")
def _capacity_as_set() -> Iterator[None]:
    """A busy machine must not make a server refuse streams, so those of tests measure no capacity."""
    from translate_svc.config import Settings
    from translate_svc.session.capacity.estimate import CapacityOptions

    with pytest.MonkeyPatch.context() as patch:
        unmeasured = lambda self: CapacityOptions(self.max_streams, measured=False)  # noqa: E731
        patch.setattr(Settings, "capacity_options", unmeasured)
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_tf32() -> None:
    """Results are compared with float32 on the CPU. TF32 keeps ten bits, and gives other units."""
    if os.environ.get("TEST_DEVICE", "").startswith("cuda"):
        import torch

        torch.backends.cudnn.allow_tf32 = False


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command that runs in this process changes logging, and so does a fixture of a module. Every test logs
    as if they had not run.
    """
    logger = logging.getLogger("translate_svc")
    logger.setLevel(logging.NOTSET)
    yield
    logger.setLevel(logging.NOTSET)
