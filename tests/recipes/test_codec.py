"""The recipe "A codec": 8-bit PCM."""

from __future__ import annotations

import pytest

from tests.recipes.repository_copy import MakeCopy


@pytest.mark.slow
def test_a_codec_is_four_lines_and_a_file(copy_for: MakeCopy) -> None:
    copy = copy_for("A codec.")
    copy.append(
        "protos/translate_svc/v1/speech_translation.proto",
        "  ENCODING_G722 = 6;\n",
        "  // Unsigned 8-bit integers, 1 byte a sample; 128 is silence.\n  ENCODING_PCM_U8 = 7;\n",
    )
    copy.run("protos/generate.py")
    copy.append("translate_svc/types.py", '    G722 = "g722"\n', '    PCM_U8 = "pcm_u8"\n')
    copy.append(
        "translate_svc/wire/enums.py",
        "        Encoding.G722: pb.ENCODING_G722,\n",
        "        Encoding.PCM_U8: pb.ENCODING_PCM_U8,\n",
    )
    table = "translate_svc/audio/codecs/table.py"
    copy.replace(
        table, "import ffmpeg_codec, g722, sample_codec", "import ffmpeg_codec, g722, pcm_u8, sample_codec"
    )
    copy.replace(
        table,
        "    }\n)\n",
        '        Encoding.PCM_U8: _sample_codec("8-bit PCM", pcm_u8.PCM_U8),\n    }\n)\n',
    )
    copy.add("pcm_u8.py", "translate_svc/audio/codecs")
    copy.test(
        "tests/recipes/examples/check_pcm_u8.py",
        "tests/audio/codecs/test_table.py",
        "tests/wire/test_enums.py",
        "tests/service/test_service_formats.py",
        "-k",
        "pcm_u8 or every_encoding_has or no_other_module or every_value",
    )
