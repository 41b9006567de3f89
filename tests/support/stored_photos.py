"""A server of the S3 protocol on this machine, and pictures in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from moto.server import ThreadedMotoServer

from core.dataset import object_store
from core.dataset_root import RemoteFolder

BUCKET = "photos"


class StoredPhotos:
    """A bucket that is filled and emptied as a folder would be."""

    def __init__(self, address: str) -> None:
        self._client = boto3.client("s3", endpoint_url=address)
        self._client.create_bucket(Bucket=BUCKET)

    def put(self, path: str, content: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=path, Body=content)

    def remove(self, path: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=path)

    def get(self, path: str) -> bytes:
        content: bytes = self._client.get_object(Bucket=BUCKET, Key=path)["Body"].read()
        return content

    def paths(self, folder: str) -> list[str]:
        found = self._client.list_objects_v2(Bucket=BUCKET, Prefix=folder)
        return [one["Key"] for one in found["Contents"]]

    def root(self, folder: str) -> RemoteFolder:
        return RemoteFolder(f"s3://{BUCKET}/{folder}")


@contextmanager
def stored_photos() -> Iterator[StoredPhotos]:
    """Serve a bucket, with credentials as a machine has them."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        # A key as long as real ones, to look for afterwards.
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-object-store")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setattr(object_store, "_opened", object_store._opened.__wrapped__)
        try:
            yield StoredPhotos(f"http://{host}:{port}")
        finally:
            server.stop()
