"""Whatever lies in the models' folder costs no other model, and nothing in it is run, waited for, or read without end."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgx_pixels.models.card import Card, read_card, write_card
from dgx_pixels.models.catalogue import EMBEDDED, Catalogue
from dgx_pixels.models.checkpoint_check import file_kind
from dgx_pixels.models.header import ModelError, read_header
from dgx_pixels.models.lora_check import describe
from dgx_pixels.models.scan import check_vae
from dgx_pixels.models.watch import ModelsWatch

_DEEP = b"[" * 100_000


def weights(header: object) -> bytes:
    """A safetensors file of this header, and no bytes of tensors."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw


def tensor(*shape: Any) -> dict[str, Any]:  # noqa: ANN401  # whatever JSON has
    """A tensor without bytes, as a header has it."""
    return {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}


FILES: dict[str, bytes] = {
    "loras/infinite.safetensors": weights(b'{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,0]}}'),
    "loras/below_nothing.safetensors": weights({"a": tensor(-1, 0)}),
    "loras/long.safetensors": weights(
        b'{"a":{"dtype":"F32","shape":[' + b",".join([b"9" * 4000] * 200) + b'],"data_offsets":[0,0]}}'
    ),
    "loras/twice.safetensors": weights(b'{"a":%b,"a":%b}' % ((json.dumps(tensor(0)).encode(),) * 2)),
    "loras/name.safetensors": weights({"." * 5000: tensor(0)}),
    "loras/huge.safetensors": (2**63).to_bytes(8, "little") + b"{}",
    "loras/list.safetensors": weights([1, 2]),
    "loras/deep.safetensors": weights(_DEEP),
    "loras/deep_note.json": _DEEP,
    "loras/deep_note.safetensors": b"",
    "loras/adapter.safetensors": weights({
        "__metadata__": {"lora_adapter_metadata": '"use_dora": true' + "[" * 100_000}, "unet.x.lora_A.weight": tensor(0),
    }),
    "vae/flat.safetensors": weights({"decoder.conv_in.weight": tensor(0)}),
    "checkpoints/flat.safetensors": weights({"input_blocks.0.0.weight": tensor(0)}),
    "checkpoints/slow.safetensors": weights({".quant_state." * 70 + " ": tensor(0)}),
    "checkpoints/deep/model_index.json": _DEEP,
    "checkpoints/list/model_index.json": b"[]",
    "checkpoints/width/model_index.json": b'{"text_encoder": {}}',
    "checkpoints/width/unet/config.json": b'{"cross_attention_dim": [768], "in_channels": {}, "sample_size": 0}',
    "checkpoints/width/vae/config.json": b'{"block_out_channels": [1]}',
    "checkpoints/tower/model_index.json": b"{}",
    "checkpoints/tower/text_encoder/config.json": b'{"num_hidden_layers": 1000000000}',
    "checkpoints/stranger/model_index.json": b'{"vae": ["somewhere", "Something"]}',
    "checkpoints/pickled/model_index.json": b"{}",
    "checkpoints/pickled/unet/diffusion_pytorch_model.safetensors.index.json": b'{"weight_map": {"a": "evil.bin"}}',
}  # fmt: skip


def test_one_bad_file_costs_no_other_model(tmp_path: Path) -> None:
    """Two dozen odd files, a pipe, a device and a folder among them, are listed with what is wrong, or not at all."""
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "loras/pipe.safetensors")
    os.mkfifo(tmp_path / "loras/list.json")
    (tmp_path / "loras/zero.safetensors").symlink_to("/dev/zero")
    (tmp_path / "loras/folder.safetensors").mkdir()
    (tmp_path / "checkpoints/pipe").mkdir()
    os.mkfifo(tmp_path / "checkpoints/pipe/model_index.json")
    catalogue = Catalogue(tmp_path)

    bases, loras, vaes = catalogue.bases(), catalogue.loras(), catalogue.vaes()

    problems = {m.id: m.problem or "" for m in bases}
    assert [m.id for m in bases if m.problem is None] == [EMBEDDED, "width"]
    assert {m.id for m in loras} == {Path(f).stem for f in FILES if f.startswith("loras/") and f.endswith(".safetensors")}
    assert all(m.problem for m in loras)
    assert all(m.problem for m in vaes)
    assert "too large" in problems["tower"]
    assert "another pipeline" in problems["stranger"]
    assert "no .safetensors beside it" in problems["pickled"]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    """A linked folder of models is listed and watched; links that lead to their own folder are not walked through for ever."""
    loras, elsewhere = tmp_path / "models/loras", tmp_path / "elsewhere"
    for folder in (loras, elsewhere):
        folder.mkdir(parents=True)
        for number in range(3):
            (folder / f"round_{number}").symlink_to(folder)
        (folder / f"{folder.name}.safetensors").write_bytes(b"")
    (loras / "linked").symlink_to(elsewhere)

    seen = threading.Event()
    watch = ModelsWatch(tmp_path / "models", seen.set, quiet_s=0.05, every_s=0.05)
    watch.start()
    for number in range(100):  # the first may come before it has looked
        (elsewhere / f"new{number}.ckpt").touch()
        if seen.wait(0.5):
            break
    watch.stop()
    assert seen.is_set()
    found = [m for m in Catalogue(tmp_path / "models").loras() if not m.id.startswith("new")]

    assert len(found) == 1 + 3 + 1
    assert "elsewhere" in {lora.id for lora in found}


_NAME = st.sampled_from([
    "input_blocks.0.0.weight", "label_emb.0", "decoder.conv_in.weight", "x.lora_A.weight", "x.alpha", "__metadata__", "v_pred",
    "lora_unet_input_blocks_4_1_attn2_to_k.lora_down.weight", "model.diffusion_model.input_blocks.0.0.weight", "data_offsets",
])  # fmt: skip
_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["F32", "F8_E4M3", 0, 4])
_ENTRY = st.fixed_dictionaries({
    "dtype": _LEAF | st.just("F32"), "shape": st.lists(_LEAF | st.just(0), max_size=4) | _LEAF,
    "data_offsets": st.just([0, 0]) | st.lists(_LEAF, max_size=3),
})  # fmt: skip
_JSON = _LEAF | st.lists(_LEAF, max_size=3) | st.dictionaries(_NAME, _LEAF, max_size=3)


@settings(max_examples=30)
@given(header=st.dictionaries(_NAME, _ENTRY | _JSON, max_size=4) | _JSON)
def test_any_header_is_told_or_refused(tmp_path_factory: pytest.TempPathFactory, header: object) -> None:
    """Whatever JSON a header is, looking at it ends with what the file is or with a ModelError."""
    file = tmp_path_factory.getbasetemp() / "any.safetensors"
    file.write_bytes(weights(header))
    for look in (file_kind, describe, check_vae):
        try:
            look(file, read_header(file))
        except ModelError as error:
            assert str(error).endswith(".")  # noqa: PT017  # either is right


def test_a_card_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Where a model is from is compared at the next `models add`; a trigger is said whole or not at all."""
    model, source = tmp_path / "x.safetensors", f"{'o' * 30}/{'n' * 90}@{'a' * 40}"
    write_card(model, Card(licence="CC0-1.0", source=source, trigger_words=("glow", "a castle " * 20)))

    assert (read_card(model, {}, None).source, read_card(model, {}, None).trigger_words) == (source, ("glow",))


def test_a_header_that_is_too_long_is_called_so(tmp_path: Path) -> None:
    """Such a file is whole: to fetch it again would not help."""
    file = tmp_path / "x.safetensors"
    file.write_bytes(weights({"a": tensor(0), "__metadata__": {"tags": "x" * 11_000_000}}))
    with pytest.raises(ModelError, match="header of 11 MB"):
        read_header(file)
