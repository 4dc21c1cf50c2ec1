"""A small kubelet: runs rendered pods as processes of this machine, the way the real one would.

It keeps to what Kubernetes documents of a pod's life: environment and ``$(VARIABLE)`` expansion, volumes,
init containers in order, native sidecars, the three probes with their thresholds, restarts, readiness, and
the end: preStop, SIGTERM, the grace, SIGKILL, sidecars last and in reverse. ``Deployment`` rolls pods by
maxSurge and maxUnavailable and tells callers their addresses, late, as a headless Service does.

Each pod has a loopback address of its own out of 127.0.0.0/8, so ports stay as they are declared:
``0.0.0.0`` in a container's environment or arguments is its pod's address. What it does not do: isolate. Root
filesystems, users, limits and network policies are the rules' part, not the kubelet's.
"""

from tests.k8s.kubelet.deployment import Deployment
from tests.k8s.kubelet.node import Image, Node
from tests.k8s.kubelet.pod import Pod

__all__ = ["Deployment", "Image", "Node", "Pod"]
