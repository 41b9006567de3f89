"""What a person should know of a report, in words."""

from dataclasses import replace

from core.encoder.encoder import Encoder
from core.encoder.weights import Checkpoint, offline_weights
from core.evaluation.notes import encoder_note
from core.evaluation.report import Report
from tests.evaluation.test_what_if import small_report


def made_by(encoder: str) -> Report:
    report = small_report()
    return replace(report, configuration=replace(report.configuration, encoder=encoder))


def test_only_of_the_encoder_that_ships_with_orchard_it_is_said_that_another_finds_more() -> None:
    ours = str(Encoder(Checkpoint(offline_weights(), "resnet14")).identity)
    assert encoder_note(made_by(ours)) == (
        "Measured with the offline encoder: ResNet-50 finds more."
    )
    # Weights of somebody's own, for the same network: nobody has compared them.
    assert encoder_note(made_by("resnet14/12345678/test/16")) == ""
