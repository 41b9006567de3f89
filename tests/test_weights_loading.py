"""Loading a checkpoint: found however it was wrapped, refused when damaged, its code never run."""

import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch

from core.errors import WeightsError
from core.weights import load_state, sha256_prefix

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
    path = saved(tmp_path / "resnet50-01234567.pth", STATE)
    with pytest.raises(WeightsError, match=r"its name says 01234567") as caught:
        load_state(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest()[:8] in str(caught.value)


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
