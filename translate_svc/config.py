"""Settings of a server: from flags, the environment (``TRANSLATE_SVC_*``), a file, or their defaults.

Only ``cli`` and the modules that build a service read them. Every other package gets options of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from translate_svc.core_settings import CoreSettings
from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.setting_sources import SettingInfo, SettingSources, info_of, setting

_NEEDED = {
    "tls_certificate": "tls_key",
    "tls_key": "tls_certificate",
    "tls_client_ca": "tls_certificate",
    "http_origins": "http",
    "http_ice_servers": "http",
    "http_source_language": "http",
    "wyoming_target": "wyoming",
    "wyoming_caller": "wyoming",
}


@dataclass(frozen=True, slots=True)
class Settings(CoreSettings):
    """Everything that an operator can set. The field ``max_streams`` is the variable
    ``TRANSLATE_SVC_MAX_STREAMS``, the flag ``--max-streams``, and ``max_streams`` in a settings file.

    Attributes, beside those of ``CoreSettings``:
        tls_certificate: PEM file with the server's certificate chain. Read again when it changes.
        tls_key: PEM file with the certificate's private key. Read again when it changes.
        tls_client_ca: PEM file with the authorities of client certificates. Clients without such a
            certificate are then refused (mTLS). Read again when it changes.
        guard: receive gRPC through Envoy, which bounds what callers can do with a connection; ``auto``: where
            others than this machine can connect, and Envoy is installed. See docs/reliability/guard.md.
        guard_calls_per_s: calls that one address may begin behind the guard: so many at once and in each
            second, and four times as many requests over HTTP. Raise it if one address calls for many people.
        api_keys: file with the hashes of the keys that callers need; see ``translate-svc keys``. Read again
            when it changes.
        callers: TOML or YAML file with classes of callers and their limits, and with the issuers whose tokens
            are taken; see docs/callers.md. Read again when it changes.
        resume_keys: file with the keys of resume tokens, shared by the servers of a deployment; see
            ``translate-svc keys resume``. Read again when it changes. Empty: a key of this process alone.
        resume_lifetime_s: how long a stream can be resumed after its last commit point.
        keepalive_time_ms: the server pings a client after this time without any data from it.
        keepalive_timeout_ms: how long the client's TCP may leave sent data unacknowledged.
        ping_timeout_ms: how long the client may leave the ping unanswered.
        drain_grace_s: time that live streams get to finish after SIGTERM.
        step_timeout_s: an engine step that takes longer counts as a hang and ends the process. The first step
            may take 4 times as long.
        http: also serve OpenAI's protocol over HTTP and WebSockets, on this ``host:port``; empty: do not.
        http_origins: web origins whose pages may call over HTTP, separated by commas; ``*``: any.
        http_ice_servers: STUN and TURN servers for calls over WebRTC, separated by commas
            (``turn:USER:PASSWORD@HOST:PORT``); empty: this machine's own addresses.
        http_source_language: what speakers speak where a session over HTTP does not say; empty: not known.
        telephone: file with the telephone providers that may call; see docs/protocols/telephone.md.
        audiosocket: also serve Asterisk's AudioSocket on this ``host:port``; needs ``telephone``.
        wyoming: also serve Home Assistant's protocol on this ``host:port``; see docs/protocols/wyoming.md.
        wyoming_target: the language of texts for clients of Wyoming that choose none; empty: as it was said.
        wyoming_caller: the caller for whom they count, since the protocol has no keys.
        riva: also serve NVIDIA Riva's services on the port of gRPC; see docs/protocols/riva.md.
        front_processes: processes that own connections, streams and voice activity detection, in front of one
            that owns the engine. 1: all in one process. 0: 4 with a GPU, whose engine would wait for Python
            otherwise, and 1 without one or where processes cannot share an address.
        admin: serve metrics and probes over HTTP.
        admin_host: address that the admin port listens on.
        admin_port: 0 takes a free port.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        log_format: ``json``, ``logfmt`` (``key=value``) or ``text`` (for people); ``auto``: ``text`` on a
            terminal, else ``json``.
    """

    tls_certificate: str = setting("", "Serve TLS with this certificate; needs --tls-key.", metavar="PEM")
    tls_key: str = setting("", "The certificate's private key.", metavar="PEM")
    tls_client_ca: str = setting(
        "", "Refuse clients without a certificate of these authorities (mTLS).", metavar="PEM"
    )
    guard: str = setting(
        "auto",
        "Receive gRPC through Envoy, which holds floods off: auto (where others can connect), on or off.",
        choices=("auto", "on", "off"),
    )
    guard_calls_per_s: int = setting(
        64, "Calls that one address may begin in a second behind the guard.", low=1, high=1_000_000
    )
    api_keys: str = setting("", "Refuse callers without a key; see `keys new`.", metavar="FILE")
    callers: str = setting(
        "", "Limits of callers, and whose tokens or certificates name them.", metavar="FILE"
    )
    resume_keys: str = setting(
        "", "Keys by which servers resume each other's streams; see `keys resume`.", metavar="FILE"
    )
    resume_lifetime_s: float = setting(
        3_600.0, "How long a stream can be resumed after its last commit point.", low=1, high=86_400
    )
    keepalive_time_ms: int = setting(
        20_000, "Ping a client after this time without data from it.", low=1_000, high=7_200_000
    )
    keepalive_timeout_ms: int = setting(
        10_000, "Time a client's TCP may take to acknowledge data.", low=1_000, high=7_200_000
    )
    ping_timeout_ms: int = setting(
        10_000, "Time a client may take to answer the ping.", low=1_000, high=7_200_000
    )
    drain_grace_s: float = setting(20.0, "Time that streams get to finish after SIGTERM.", low=0, high=86_400)
    http: str = setting("", "Serve OpenAI's protocol over HTTP here, too.", metavar="HOST:PORT")
    http_origins: str = setting("", "Origins whose web pages may call over HTTP.", metavar="ORIGIN,...")
    http_ice_servers: str = setting("", "STUN and TURN servers for calls over WebRTC.", metavar="URL,...")
    http_source_language: str = setting("", "Language of speakers where a session names none.", metavar="TAG")
    telephone: str = setting("", "Telephone providers that may call, and their calls.", metavar="FILE")
    audiosocket: str = setting("", "Serve Asterisk's AudioSocket here, too.", metavar="HOST:PORT")
    wyoming: str = setting("", "Serve Home Assistant's protocol here, too.", metavar="HOST:PORT")
    wyoming_target: str = setting("", "Translate for Wyoming's clients into this language.", metavar="TAG")
    wyoming_caller: str = setting("", "The caller for whom Wyoming's clients count.", metavar="NAME")
    riva: bool = setting(False, "Serve NVIDIA Riva's protocol on the same port, too.")
    front_processes: int = setting(
        0, "Processes for connections and streams, in front of the engine; 0: by the device.", low=0, high=256
    )
    admin: bool = setting(True, "Serve metrics and probes over HTTP.")
    admin_host: str = setting("127.0.0.1", "Address of the admin port.")
    admin_port: int = setting(9464, "Port of metrics and probes; 0 takes a free one.", low=0, high=65_535)
    step_timeout_s: float = setting(
        30.0, "An engine step that takes longer ends the process.", low=0.1, high=3_600
    )
    log_level: str = setting(
        "info", "debug, info, warning or error.", choices=("debug", "info", "warning", "error")
    )
    log_format: str = setting(
        "auto",
        "auto, text, json or logfmt; auto is text on a terminal, else json.",
        choices=("auto", "text", "json", "logfmt"),
    )

    def __post_init__(self) -> None:
        if not self.model:
            raise InvalidArgument("must name a model", field="model")
        for name, info in setting_infos().items():
            info.check(name, getattr(self, name))
        for name, needed in _NEEDED.items():
            if getattr(self, name) and not getattr(self, needed):
                raise InvalidArgument(f"needs `{needed}`", field=name)
        if self.telephone and not (self.http or self.audiosocket):
            raise InvalidArgument("needs `http` or `audiosocket`, where calls come in", field="telephone")
        self.vad_options()

    @classmethod
    def load(cls, flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Self:
        """Settings from flags that are not None, then the environment, the file ``config``, and the defaults.

        Raises:
            InvalidArgument: a value has the wrong type or exceeds its limits, or a name is not a setting. The
                field is the name of the flag or the variable that holds the value, or file and name.
        """
        sources = SettingSources(flags, environment, _kinds())
        try:
            return cls(**sources.values())
        except TranslateSvcError as error:
            raise sources.as_given(error) from None


def as_given(
    error: TranslateSvcError, flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> InvalidArgument:
    """``error`` of a setting, in the operator's words: ``--tls-key``, ``TRANSLATE_SVC_TLS_KEY`` or
    ``server.toml: tls_key``. See ``SettingSources.as_given``.
    """
    return SettingSources(flags, environment, _kinds()).as_given(error)


def setting_infos() -> dict[str, SettingInfo]:
    """The ``SettingInfo`` of each field of ``Settings``, in their order."""
    return {field.name: info_of(field) for field in fields(Settings)}


def _kinds() -> dict[str, type]:
    return {field.name: type(field.default) for field in fields(Settings)}
