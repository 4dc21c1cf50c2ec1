"""Calls a server of which nothing but the address is known, by yagrc; imports nothing of this project.

Prints one JSON object: the services on offer, the methods, the languages, what a stream answers, and which
streaming methods were called.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from yagrc import reflector

SERVICE = "translate_svc.v1.SpeechTranslation"


class Recorder(grpc.StreamStreamClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Remembers the names of the streaming methods that are called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def intercept_stream_stream(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        self.called.append(client_call_details.method)
        return continuation(client_call_details, request_iterator)


def main(address: str) -> None:
    client = reflector.GrpcReflectionClient()
    recorder = Recorder()
    with grpc.insecure_channel(address) as plain:
        channel = grpc.intercept_channel(plain, recorder)
        offered = list(reflector.list_services(channel))
        client.load_protocols(channel)  # of every service on offer
        stub = client.service_stub_class(SERVICE)(channel)
        languages = stub.ListLanguages(client.message_class("translate_svc.v1.ListLanguagesRequest")())
        request_class = client.message_class("translate_svc.v1.StreamingTranslateRequest")

        def requests() -> Iterator[Any]:
            request = request_class()
            request.config.input.encoding = 1
            request.config.input.sample_rate_hz = 16_000
            request.config.settings.targets.add(language="es")
            yield request

        events = [MessageToDict(event) for event in stub.StreamingTranslate(requests())]
    results = {
        "offered": offered,
        "methods": sorted(vars(stub)),
        "languages": [language.code for language in languages.languages],
        "events": events,
        "called": sorted(set(recorder.called)),
    }
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
