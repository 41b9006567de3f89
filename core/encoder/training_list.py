"""Which pictures the offline encoder was trained on; those flatter its figures.

Beside its weights lies a JSON file of the same name with two lists, `trained_on` and `held_out`,
of objects with a `digest` (as `core.dataset.files.digest_of`) and a `path`.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from core.config import OFFLINE_ARCHITECTURE
from core.encoder.weights import OFFLINE_FOLDER
from core.records import EncoderIdentity

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingList:
    """Digests of the pictures an encoder has seen in training, and of those kept from it."""

    trained_on: frozenset[str]
    held_out: frozenset[str]


def training_list(
    identity: EncoderIdentity, *, folder: Path = OFFLINE_FOLDER
) -> TrainingList | None:
    """Return the list for an encoder; None when there is none, or it cannot be read."""
    if identity.architecture != OFFLINE_ARCHITECTURE:
        return None
    for file in sorted(folder.glob(f"{OFFLINE_ARCHITECTURE}-*.json")):
        if not file.stem.endswith(identity.weights):
            continue
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            trained, held = (
                frozenset(str(item["digest"]) for item in content[name])
                for name in ("trained_on", "held_out")
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("%s cannot be used: %s", file, error)
            return None
        return TrainingList(trained, held)
    return None
