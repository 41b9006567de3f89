"""What tells one state of a collection from another: a digest of its rows and their encoder."""

import hashlib
from collections.abc import Iterable

from core.records import EncoderIdentity, ImageRecord


def fingerprint(records: Iterable[ImageRecord], encoder: EncoderIdentity) -> str:
    """Return 16 hexadecimal digits that change with any row or with the encoder.

    The metric has no part in it: the collections of a family hold the same rows. Nor has what else
    is known of a picture: what is computed from embeddings and classes stays as it is.
    """
    # Not `fingerprint_of`: reports hold what this gives, and would take all pictures for changed.
    digest = hashlib.blake2b(str(encoder).encode(), digest_size=8)
    for record in sorted(records, key=lambda record: record.id):
        for part in (str(record.id), record.path, record.label, record.digest):
            content = part.encode()
            digest.update(len(content).to_bytes(4) + content)
    return digest.hexdigest()
