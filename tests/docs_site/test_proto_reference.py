"""The reference of the contract holds all of it, and its comments as lists, tables and paragraphs."""

from __future__ import annotations

import re

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from docs_site.proto_reference import described_file, markdown, reference


@pytest.fixture(scope="module")
def file() -> FileDescriptorProto:
    return described_file()


def test_every_message_field_enum_and_method_is_in_it_with_its_comment(file: FileDescriptorProto) -> None:
    page = reference(file)
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE))
    for message in file.message_type:
        assert all(f"`{each.name}` = {each.number}: " in sections[message.name] for each in message.field)
    for enum in file.enum_type:
        assert all(f"`{each.name}` = {each.number}\n" in sections[enum.name] for each in enum.value)
    for method in file.service[0].method:
        assert f"### {method.name}\n" in sections["Service SpeechTranslation"]
    options = 8
    for comment in file.source_code_info.location:
        if comment.path[:1] == [options]:
            continue
        for line in comment.leading_comments.splitlines():
            words = " ".join(line.split()).lstrip("* ").partition("[")[0].partition("<")[0].strip()
            assert words in " ".join(page.split()), line


def test_links_lead_to_sections(file: FileDescriptorProto) -> None:
    page = reference(file)
    anchors = {heading.lower() for heading in re.findall(r"^## (\w+)$", page, re.MULTILINE)}
    links = set(re.findall(r"\]\(#(\w+)\)", page))
    assert links <= anchors
    assert len(links) > 20


def test_a_comment_is_shown_as_it_is_laid_out() -> None:
    comment = """\
 How it ends:
   * `end`: finished
     and sent.
   * Cancelled: [dropped] <at once>.

 Codes:
   OK       all is well
   INTERNAL `x` <y>
 Then more."""
    assert "\n".join(markdown(comment.splitlines())) == (
        "How it ends:\n\n* `end`: finished\n  and sent.\n* Cancelled: \\[dropped] &lt;at once>.\n\n"
        "Codes:\n\n    OK       all is well\n    INTERNAL `x` <y>\n\nThen more."
    )
