"""What a reader of a report must be told beside its figures, as sentences."""

import math

from core.config import OFFLINE_ARCHITECTURE
from core.dataset.classes import find_split
from core.embeddings.index_errors import ann_recall
from core.encoder.weights import is_offline
from core.evaluation.report import QuerySet, Report, Variant
from core.measures.bootstrap import Estimate
from core.measures.findings import causes, total
from core.measures.judgement import NO_CLASS, tied_cuts
from core.measures.summary import Summary
from core.records import EncoderIdentity
from core.wording import classes, counted, queries


def notes(
    report: Report,
    summary: Summary,
    variant: Variant = Variant(),  # noqa: B008 - frozen
) -> list[str]:
    """Return one sentence for everything that was left out, is doubtful, or flatters.

    Args:
        summary: Of the exact hits, without those the variant leaves out.
    """
    doubts = _doubts(report, summary, variant)
    return [
        *filter(None, [encoder_note(report)]),
        *_split(report),
        *_left_out(summary),
        *filter(None, [says_nothing(report)]),
        *doubts,
        *_index(report, variant),
    ]


def says_nothing(report: Report) -> str:
    """Return why the figures of a report say nothing, in a sentence; empty where they do."""
    found = set(report.rows.codes[report.gallery].tolist())
    if len(found) == 1 and NO_CLASS not in found:
        return "There is only one class to find, so every hit is right: the figures say nothing."
    return ""


def left_out(variant: Variant) -> str:
    """Return what a variant leaves out, in words; empty for nothing."""
    parts = []
    if variant.without_copies:
        parts.append("exact copies of the query")
    if variant.from_similarity is not None:
        parts.append(f"neighbours from a similarity of {variant.from_similarity:.2f} on")
    text = " and ".join(parts)
    return text[:1].upper() + text[1:]


def in_words(precision: Estimate, *, k: int) -> str:
    """Return precision@k for somebody who has never heard of it.

    Such as `84 of 100 of the first 10 hits are right (81 to 87)`.
    """
    hits = f"of the first {k} hits" if k > 1 else "of the first hits"
    share = precision.value
    if math.isnan(share):
        return f"How many {hits} are right is not known"
    if share in {0, 1}:
        many = f"{'All' if share else 'None'} {hits}"
        verb = "are" if share else "is"
    else:
        # Never rounded to all or to none.
        hundredths = min(99, max(1, round(100 * share)))
        many = f"{hundredths} of 100 {hits}"
        verb = "is" if hundredths == 1 else "are"
    low, high = precision.low, precision.high
    if math.isnan(low) or round(100 * low) == round(100 * high):
        return f"{many} {verb} right"
    return f"{many} {verb} right ({100 * low:.0f} to {100 * high:.0f})"


def encoder_note(report: Report) -> str:
    """Return what to know about the encoder that ships with Orchard; empty for any other."""
    encoder = EncoderIdentity.parse(report.configuration.encoder)
    if not is_offline(encoder):
        return ""
    return "Measured with the offline encoder: ResNet-50 finds more."


def training_note(report: Report) -> str:
    """Return what to know about queries that the encoder was trained on; empty if nothing."""
    trained = report.configuration.trained_queries
    if trained:
        return (
            f"The encoder was trained on {trained:,} of the {queries(len(report.queries))}, which "
            "flatters the figures: ask with held-out ones."
        )
    encoder = EncoderIdentity.parse(report.configuration.encoder)
    if trained is None and encoder.architecture == OFFLINE_ARCHITECTURE:
        return (
            "No list says which pictures this encoder was trained on; if some of them are among "
            "the queries, they flatter the figures."
        )
    return ""


def _split(report: Report) -> list[str]:
    request = report.configuration.request
    lines = []
    if corrections := str(report.configuration.corrections):
        lines.append(f"Corrections: {corrections}.")
    if request.query_paths or request.gallery_paths:
        gallery = int(report.gallery.sum())
        lines.append(
            f"Queries are the pictures whose path matches {request.query_paths or '*'!r}, "
            f"{len(report.queries):,} of them; hits come from those that match "
            f"{request.gallery_paths or '*'!r}, {gallery:,} of them."
        )
    if request.queries == QuerySet.HELD_OUT:
        lines.append(
            "Queries are the pictures the encoder was not trained on; their hits may be pictures "
            "it was trained on."
        )
    split = find_split(report.paths)
    if split and split.labels:
        lines.append("The dataset is split by its top folders; the folders below are the classes.")
    return lines


def _left_out(summary: Summary) -> list[str]:
    lines = []
    if summary.lone:
        lines.append(
            f"Left out: {queries(summary.lone_queries)} of "
            f"{classes(len(summary.lone))} without a second picture to find "
            f"({_some(summary.lone)})."
        )
    if summary.unlabelled:
        lines.append(
            f"Left out: {queries(summary.unlabelled)} without a class. As hits such "
            "pictures count as wrong."
        )
    undefined = [c.label for c in summary.classes if math.isnan(c.measures["MAP@R"].value)]
    if undefined:
        lines.append(
            f"R-precision and MAP@R are undefined for {_some(undefined)}: such large classes need "
            "more neighbours than are kept. Ask with a smaller sample."
        )
    return lines


def _doubts(report: Report, summary: Summary, variant: Variant) -> list[str]:
    lines = [
        f"{queries(count)} with fewer than {k} hits; the denominator stays {k}."
        for k, count in summary.underfilled.items()
        if count
    ]
    lines += [
        f"{queries(count)} undefined at {k}: too few neighbours are left after taking "
        "duplicates out."
        for k, count in summary.unknown.items()
        if count
    ]
    single = sum(c.queries == 1 for c in summary.classes)
    if single:
        lines.append(
            f"{classes(single)} with a single query, which shows no spread of its own: in the "
            "intervals of the means the spread of all queries stands for it, on the wide side."
        )
    lists = report.exact
    if variant != Variant():
        lists = lists.without(report.dropped(variant))
    ties = {k: tied_cuts(lists, k) for k in summary.ks}
    lines += [
        f"{queries(count)} with a tie at the cut after {k} hits; it is broken by id."
        for k, count in ties.items()
        if count
    ]
    return lines


def _index(report: Report, variant: Variant) -> list[str]:
    if report.index is None or report.judged_index is None:
        return ["Exact search only: the index was left out."]
    configuration = report.configuration
    k = max(configuration.request.ks)
    recall = float(ann_recall(report.index, report.exact, k=k).mean())
    wrong = total(causes(report.index, report.judged_index, report.exact, k=k))
    lists = (
        f"nprobe {configuration.request.nprobe} of {configuration.nlist} lists"
        if configuration.nlist
        else "no lists"
    )
    missing = f"; {counted(wrong.missing, 'place')} left empty" if wrong.missing else ""
    # Recall is a property of the index, which knows of no duplicates.
    the = "The" if variant == Variant() else "With nothing left out, the"
    return [
        f"{the} index ({configuration.index_type}, {lists}) found {share_of(recall)} of the "
        f"exact {k} neighbours (ANN recall@{k} {short(recall)}). Its wrong hits: {wrong.encoder:,} "
        f"by the encoder (exact search has them too), {wrong.index:,} by the index alone{missing}."
    ]


def short(share: float) -> str:
    """Return a share with three digits, or as many as keep 0.9996 from reading like 1.00."""
    for digits in range(3, 8):
        text = f"{share:#.{digits}g}"
        if share in {0, 1} or 0 < float(text) < 1:
            return text
    return text


def share_of(share: float) -> str:
    """Return a share in words: `all`, or such as `99.3 %`, never rounded up to 100 %."""
    if share == 1:
        return "all"
    return f"{min(100 * share, 99.9):.3g} %" if share < 0.9995 else "over 99.9 %"


def _some(names: list[str] | tuple[str, ...], *, most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")
