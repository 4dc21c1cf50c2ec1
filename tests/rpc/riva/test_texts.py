"""Texts that Riva's client has translated, and which languages it is told of."""

from __future__ import annotations

import grpc
import pytest
import riva.client
from riva.client.proto import riva_common_pb2
from riva.client.proto import riva_nmt_pb2 as nmt

from tests.clips import texts
from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import model_free_service
from tests.rpc.riva.conftest import OPTIONS, auth_of, called, refusal
from tests.whisper_checkpoints import whisper_folder
from translate_svc.config import Settings
from translate_svc.engine.request import Request
from translate_svc.rpc.server import RpcServer
from translate_svc.service import Service
from translate_svc.session.admission import AdmissionOptions

INVALID, OUT_OF_RANGE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE
GOOD = {"texts": ["Good morning."], "source_language": "en-US", "target_language": "es-ES"}


def client_of(server: RpcServer) -> riva.client.NeuralMachineTranslationClient:
    return riva.client.NeuralMachineTranslationClient(auth_of(server))


@pytest.mark.asyncio(loop_scope="module")
async def test_texts_are_translated_in_their_order(starter: RpcServer) -> None:
    said = [texts(name) for name in ("eng_1", "eng_2", "eng_3")]
    client = client_of(starter)
    answer = await called(lambda: client.translate([each["eng"] for each in said], "", "en-US", "es"))
    assert [each.text for each in answer.translations] == [each["spa"] for each in said]
    assert {each.language for each in answer.translations} == {"es"}


@pytest.mark.asyncio(loop_scope="module")
async def test_phrases_and_tagged_words_are_as_the_caller_says(starter: RpcServer) -> None:
    client, tagged = client_of(starter), texts("eng_2")["eng"].replace("Wednesday", "<dnt>Wednesday</dnt>")
    answer = await called(
        lambda: client.translate([tagged], "", "en", "es", dnt_phrases_dict={"Lyon": "", "bus": "Zug"})
    )
    words = answer.translations[0].text.rstrip(".").split()
    assert {"Lyon", "Zug", "Wednesday"} <= set(words)
    assert "autobús" not in words
    assert "miércoles" not in words


@pytest.mark.asyncio(loop_scope="module")
async def test_languages_are_listed_by_what_is_done_with_them(starter: RpcServer) -> None:
    listed = (await called(lambda: client_of(starter).get_config(""))).languages
    assert set(listed) == {"starter", "s2t_model", "s2s_model"}
    for pairs in listed.values():
        assert {"en", "es", "fr", "de"} == set(pairs.src_lang) == set(pairs.tgt_lang)


async def test_texts_and_speech_are_not_listed_for_a_model_that_has_neither() -> None:
    """Such as Whisper: it would refuse every text."""
    settings = Settings(model=str(whisper_folder("tiny")), max_utterance_ms=3_000)
    async with Service.start(settings) as service, RpcServer(service, OPTIONS) as server:
        listed = (await called(lambda: client_of(server).get_config(""))).languages
    assert set(listed) == {"s2t_model"}
    assert list(listed["s2t_model"].tgt_lang) == ["en"]


async def test_a_caller_with_one_call_may_send_many_texts() -> None:
    async with (
        model_free_service(admission=AdmissionOptions(max_streams=1)) as service,
        RpcServer(service, OPTIONS) as server,
    ):
        client = client_of(server)
        answer = await called(lambda: client.translate(["One.", "Two?", "Three!"], "", "en", "es"))
        assert [each.text for each in answer.translations] == ["spa 4", "spa 4", "spa 6"]
        assert not any(service.held.values())


async def test_tags_are_no_text(server: RpcServer) -> None:
    tagged = "<dnt>ab</dnt> c <dnt>d\ne</dnt>"
    answer = await called(lambda: client_of(server).translate([tagged], "", "en", "es"))
    assert answer.translations[0].text == f"spa {len('ab c d e')}"


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("<dnt>Ada</dnt> met <dnt>ADA</dnt>.", {}),
        ("<dnt>Ada</dnt> met Bob.", {"ada": "Eva", "Bob": ""}),
    ],
)
async def test_words_that_are_tagged_in_other_letters_are_no_second_term(
    server: RpcServer, text: str, phrases: dict[str, str]
) -> None:
    answer = await called(
        lambda: client_of(server).translate([text], "", "en", "es", dnt_phrases_dict=phrases)
    )
    assert answer.translations[0].text.startswith("spa")


async def test_the_id_of_a_request_comes_back(server: RpcServer) -> None:
    request = nmt.TranslateTextRequest(**GOOD, id=riva_common_pb2.RequestId(value="a7"))
    answer = await called(lambda: client_of(server).stub.TranslateText(request))
    assert answer.id.value == "a7"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"texts": []}, INVALID, "texts:"),
        ({"texts": ["Hi."] * 129}, OUT_OF_RANGE, "texts:"),
        ({"texts": ["Hi.", "a\x00b"]}, INVALID, "texts[1]:"),
        ({"source_language": ""}, INVALID, "source_language:"),
        ({"source_language": "xx-YY"}, INVALID, "source_language:"),
        ({"target_language": "tlh"}, INVALID, "target_language:"),
        ({"target_language": "en-GB"}, INVALID, "target_language:"),
        ({"dnt_phrases": ["w" * 65]}, OUT_OF_RANGE, "dnt_phrases:"),
        ({"dnt_phrases": ["w" * 65], "texts": ["a <dnt>b</dnt>"]}, OUT_OF_RANGE, "dnt_phrases:"),
        ({"dnt_phrases": ["b", "c"], "texts": [f"<dnt>{'w' * 65}</dnt>"]}, OUT_OF_RANGE, "texts[0].dnt:"),
    ],
)
async def test_what_is_wrong_is_named_as_riva_names_it(
    server: RpcServer, change: dict[str, object], code: grpc.StatusCode, field: str
) -> None:
    request = nmt.TranslateTextRequest(**(GOOD | change))
    failed = await refusal(lambda: client_of(server).stub.TranslateText(request))
    assert failed[0] is code
    assert failed[1].startswith(field)


async def test_a_text_that_fails_fails_the_call() -> None:
    """An answer with fewer translations than texts would pair them wrongly."""

    def script(request: Request) -> ScriptedRequest:
        return ScriptedRequest((ScriptedSequence(fail_after_tokens=1),))

    async with model_free_service(script) as service, RpcServer(service, OPTIONS) as server:
        client = client_of(server)
        code, message = await refusal(lambda: client.translate(["One.", "Two."], "", "en", "es"))
    assert code is grpc.StatusCode.INTERNAL
    assert message == "texts[0]: could not be translated"


async def test_traditional_characters_have_a_region(server: RpcServer) -> None:
    answer = await called(lambda: client_of(server).translate(["Hi."], "", "en", "zh-TW"))
    assert answer.translations[0].text.startswith("cmn_Hant ")
