"""Published weight sets, against torchvision's own lists; nothing is fetched."""

import pytest
from torchvision.models import get_model_weights

from core.config import ARCHITECTURES
from core.encoder.published import official_url, official_urls, sides_for
from core.errors import WeightsError

# The first generation, as torchvision has published it for years.
FIRST = {
    "resnet18": "f37072fd",
    "resnet34": "b627a593",
    "resnet50": "0676ba61",
    "resnet101": "63fe2227",
    "resnet152": "394f9c45",
    "resnext50_32x4d": "7cdf4587",
    "resnext101_32x8d": "8ba56ff5",
    "wide_resnet50_2": "95faca4d",
    "wide_resnet101_2": "32ee1156",
}


def test_every_network_of_torchvision_has_first_generation_weights() -> None:
    assert set(FIRST) == set(ARCHITECTURES) - {"efficientnet_lite2", "resnet14"}


@pytest.mark.parametrize(("architecture", "prefix"), FIRST.items())
def test_the_first_generation_is_the_default(architecture: str, prefix: str) -> None:
    url = f"https://download.pytorch.org/models/{architecture}-{prefix}.pth"
    assert official_url(architecture) == url
    assert official_urls(architecture)[prefix] == url


@pytest.mark.parametrize("name", ["IMAGENET1K_V2", "ResNet50_Weights.IMAGENET1K_V2", "DEFAULT"])
def test_a_newer_set_is_chosen_by_its_enum_name(name: str) -> None:
    assert official_url("resnet50", name).endswith("/resnet50-11ad3fa6.pth")


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("resnet18", "IMAGENET1K_V2"),
        ("resnet50", "IMAGENET1K_V9"),
        ("resnet50", "ResNet18_Weights.IMAGENET1K_V1"),
        ("resnet50", ""),
        ("resnet50", "ResNet50_Weights."),
    ],
)
def test_an_unknown_set_is_refused_with_those_there_are(architecture: str, name: str) -> None:
    with pytest.raises(WeightsError, match="IMAGENET1K_V1") as caught:
        official_url(architecture, name)
    assert repr(name) in str(caught.value)
    assert architecture in str(caught.value)


@pytest.mark.parametrize("architecture", FIRST)
def test_a_published_file_gets_the_preset_it_is_evaluated_with(architecture: str) -> None:
    for known in get_model_weights(architecture):
        preset = known.transforms()
        prefix = known.url.removesuffix(".pth")[-8:]
        expected = (preset.resize_size[0], preset.crop_size[0])
        assert sides_for(architecture, prefix) == expected


def test_other_files_get_the_preset_of_the_first_generation() -> None:
    assert sides_for("resnet50", "00000000") == sides_for("resnet50", "0676ba61") == (256, 224)
    assert sides_for("resnet50", "11ad3fa6") == (232, 224)
    assert sides_for("resnet14", "00000000") == (160, 160)
    assert sides_for("efficientnet_lite2", "9656183e") == (260, 260)
    assert official_urls("resnet14") == official_urls("efficientnet_lite2") == {}
