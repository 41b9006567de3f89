"""Loading a checkpoint: found however it was wrapped, refused when damaged, its code never run."""

import argparse
import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.encoder.checkpoint import hash_in_name, load_state, sha256_prefix
from core.errors import WeightsError

STATE = {"conv1.weight": torch.arange(6.0).reshape(2, 3), "bn1.bias": torch.ones(3)}
HEAD = {"fc.weight": torch.zeros(17, 3), "fc.bias": torch.zeros(17)}


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in (STATE | HEAD).items()}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        STATE | HEAD,  # a classifier of any size is dropped
        {"state_dict": STATE | HEAD, "epoch": 3, "arch": "resnet50"},
        {"model_state_dict": STATE},
        {"model": {"state_dict": STATE}},
        prefixed("module."),
        prefixed("model."),
        {"state_dict": prefixed("module.model.")},
        prefixed("model.module."),
        STATE | {"note": "text", 7: torch.ones(1)},
    ],
    ids=lambda content: next(iter(content)),
)
def test_a_state_dict_is_found_however_training_scripts_wrap_it(
    tmp_path: Path, content: object
) -> None:
    state = load_state(saved(tmp_path / "w.pth", content))
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)


def test_the_arguments_that_a_training_script_keeps_beside_the_weights_do_no_harm(
    tmp_path: Path,
) -> None:
    content = {"model": STATE, "args": argparse.Namespace(lr=0.1, opt="sgd"), "epoch": 3}
    assert load_state(saved(tmp_path / "model_3.pth", content)).keys() == STATE.keys()


def test_safetensors_are_read_and_treated_alike(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file(prefixed("module."), path, metadata={"format": "pt"})
    state = load_state(path)
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_truncated_safetensors_are_named(tmp_path: Path, share: float) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"w": torch.randn(64, 64)}, path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(WeightsError, match="truncated or is no checkpoint") as caught:
        load_state(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pickle_called_safetensors_is_not_unpickled(tmp_path: Path) -> None:
    bad = Malicious(tmp_path / "executed")
    path = saved(tmp_path / "model.safetensors", {"conv1.weight": bad})
    with pytest.raises(WeightsError, match="is no checkpoint"):
        load_state(path)
    assert not (tmp_path / "executed").exists()


def test_safetensors_without_tensors_or_gone_are_named(tmp_path: Path) -> None:
    save_file({}, tmp_path / "empty.safetensors")
    with pytest.raises(WeightsError, match="holds no weights"):
        load_state(tmp_path / "empty.safetensors")
    with pytest.raises(WeightsError, match="gone"):
        load_state(tmp_path / "gone.safetensors")


class Malicious:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.proof),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_pickled_code_is_never_executed(tmp_path: Path) -> None:
    proof = tmp_path / "executed"
    bad = Malicious(proof)
    pickle.loads(pickle.dumps(Malicious(tmp_path / "it does work")))
    assert (tmp_path / "it does work").exists()
    files = [
        saved(tmp_path / "new.pth", {"conv1.weight": bad}),
        saved(tmp_path / "nested.pth", {"state_dict": STATE, "optimizer": bad}),
        tmp_path / "raw.pth",
        tmp_path / "old.pth",
    ]
    files[2].write_bytes(pickle.dumps(bad))
    torch.save({"conv1.weight": bad}, files[3], _use_new_zipfile_serialization=False)
    for file in files:
        with pytest.raises(WeightsError) as caught:
            load_state(file)
        assert str(file) in str(caught.value)
        assert not proof.exists()
    with pytest.raises(WeightsError, match="never executed"):
        load_state(files[0])


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.99])
def test_a_truncated_checkpoint_is_named(tmp_path: Path, new_format: bool, share: float) -> None:
    path = tmp_path / "w.pth"
    torch.save({"w": torch.randn(64, 64)}, path, _use_new_zipfile_serialization=new_format)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(WeightsError, match="truncated or is no checkpoint") as caught:
        load_state(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"<html>Sign in</html>", b"hello, this is text", b"\x00" * 64, b"PK\x03\x04 zip"]
)
def test_another_kind_of_file_is_no_checkpoint_and_nobody_is_told_to_trust_it(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="is no checkpoint") as caught:
        load_state(path)
    assert "weights_only" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_damage_never_raises_anything_else(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    whole = (tmp_path / "w.pth").read_bytes()
    generator = torch.Generator().manual_seed(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for place in torch.randint(len(whole), (5,), generator=generator).tolist():
            damaged[place] = int(torch.randint(256, (), generator=generator))
        (tmp_path / "w.pth").write_bytes(damaged)
        try:
            load_state(tmp_path / "w.pth")
        except WeightsError as error:
            assert "w.pth" in str(error)


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}, {7: torch.ones(1)}, torch.ones(3)])
def test_a_file_without_weights_says_so(tmp_path: Path, content: object) -> None:
    with pytest.raises(WeightsError, match="holds no weights"):
        load_state(saved(tmp_path / "w.pth", content))


def test_a_hash_in_the_name_that_differs_from_the_content_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "resnet50-0123abcd.pth", STATE)
    with pytest.raises(WeightsError, match=r"its name says 0123abcd") as caught:
        load_state(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest()[:8] in str(caught.value)


@pytest.mark.parametrize("name", ["net-20240131.pth", "net-00012000.pth", "net-123456789012.pt"])
def test_a_date_or_a_counter_in_the_name_is_no_hash(tmp_path: Path, name: str) -> None:
    assert hash_in_name(name) == ""
    assert load_state(saved(tmp_path / name, STATE)).keys() == STATE.keys()


def test_a_name_refused_for_its_hash_says_that_renaming_helps(tmp_path: Path) -> None:
    # The short hash of a commit looks like that of a file.
    path = saved(tmp_path / "net-1a2b3c4d.pth", STATE)
    with pytest.raises(WeightsError, match="not meant as its hash, rename it"):
        load_state(path)
    assert load_state(path.rename(tmp_path / "net.pth")).keys() == STATE.keys()


def test_a_hash_in_the_name_that_agrees_is_accepted_at_any_length(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", STATE)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for digits in (8, 16, 64):
        assert load_state(path.rename(tmp_path / f"w-{digest[:digits]}.pth")).keys() == STATE.keys()
        path = tmp_path / f"w-{digest[:digits]}.pth"


def test_a_prefix_is_that_of_hashlib_and_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"abc")
    assert sha256_prefix(tmp_path / "w") == hashlib.sha256(b"abc").hexdigest()[:8]
    with pytest.raises(WeightsError, match="gone"):
        sha256_prefix(tmp_path / "gone")
    with pytest.raises(WeightsError, match="gone"):
        load_state(tmp_path / "gone")
