"""What a container finds around it: its environment, its files, its address; all on this machine."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.k8s.kubelet.node import Node, free_address
from tests.k8s.manifests import Container, Manifests, Object, Workload

_ANY_ADDRESS = "0.0.0.0"
_REFERENCE = re.compile(r"\$(\$)?\(([A-Za-z_][A-Za-z0-9_]*)\)")


class Sandbox:
    """One pod's volumes and address."""

    def __init__(self, node: Node, manifests: Manifests, workload: Workload, pod_name: str) -> None:
        self._node = node
        self._manifests = manifests
        ports = [port for container in workload.containers for port in container.port_names.values()]
        self.address = free_address(ports)
        self.directory = node.directory(pod_name)
        self._volumes = {
            volume["name"]: self._volume(volume, pod_name) for volume in workload.pod.get("volumes", [])
        }

    def command(self, container: Container) -> list[str]:
        """The command line: ``command`` takes the place of the image's entrypoint, ``args`` follow."""
        command = container.spec.get("command")
        words = self._expand([*(command or ()), *container.spec.get("args", [])], container)
        # an entrypoint names programs of this machine already, wherever they lie
        entrypoint = () if command else self._node.images[container.image].entrypoint
        return [*entrypoint, *(self.local(word, container) for word in words)]

    def exec_command(self, container: Container, command: Iterable[str]) -> list[str]:
        """What an exec probe or hook runs: as it stands, nothing is expanded in it."""
        return [self.local(word, container) for word in command]

    def environment(self, container: Container) -> dict[str, str]:
        """Nothing of this process's but what every program needs."""
        declared = self._manifests.environment(container)
        values = zip(declared, self._expand(declared.values(), container), strict=True)
        base = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(self.directory)}
        own = {name: self.local(value, container) for name, value in values}
        return base | dict(self._node.variables) | own

    def local(self, text: str, container: Container) -> str:
        """``text`` with the container's paths and address in terms of this machine."""
        places = {path: self._volumes[mount["name"]] for path, mount in container.mounts.items()}
        places |= self._node.images[container.image].files
        places[_ANY_ADDRESS] = Path(self.address)
        # all together: entries are not looked at again
        longest_first = "|".join(map(re.escape, sorted(places, key=len, reverse=True)))
        return re.sub(rf"(?<![\w./-])({longest_first})(?![\w.-])", lambda found: str(places[found[1]]), text)

    def _expand(self, texts: Iterable[str], container: Container) -> list[str]:
        """``$(NAME)`` where there is such a variable, ``$$(NAME)`` for the letters."""
        variables = self._manifests.environment(container)

        def one(match: re.Match[str]) -> str:
            if match[1]:
                return match[0][1:]
            return variables.get(match[2], match[0])

        return [_REFERENCE.sub(one, text) for text in texts]

    def _volume(self, volume: Object, pod_name: str) -> Path:
        if "emptyDir" in volume:
            return self._node.directory(pod_name, volume["name"])
        if "secret" in volume:
            return self._node.secrets[volume["secret"]["secretName"]]
        return self._node.claims[volume["persistentVolumeClaim"]["claimName"]]
