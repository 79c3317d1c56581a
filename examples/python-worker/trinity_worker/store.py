"""The object store, by the same keys as everybody else: a folder, or a place in a bucket."""

import os
import tempfile

from pyarrow import fs


class Store:
    """Whole files under keys."""

    def __init__(self, url: str, settings: dict):
        scheme, _, place = url.partition("://")
        self._base = place.rstrip("/")
        if scheme == "file":
            self._files = fs.LocalFileSystem()
            self._is_local = True
        elif scheme == "s3":
            self._files = _bucket(settings)
            self._is_local = False
        else:
            raise ValueError("the setting TRINITY_WORKER_STORAGE_URL is neither file:// nor s3://")

    def open(self, key: str):
        """A file to read from, at any place; FileNotFoundError when it is not there."""
        return self._files.open_input_file(self._path(key))

    def put(self, key: str, path: str) -> None:
        """Stores the file at `path` of this machine: whole, or not at all."""
        target = self._path(key)
        if self._is_local:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            # Why a second name: who sees the key sees all of the file.
            staged = f"{target}#{os.getpid()}"
            fs.copy_files(path, staged, source_filesystem=self._files, destination_filesystem=self._files)
            with open(staged, "rb") as file:
                os.fsync(file.fileno())
            os.replace(staged, target)
        else:
            fs.copy_files(path, target, source_filesystem=fs.LocalFileSystem(), destination_filesystem=self._files)

    def put_text(self, key: str, text: str) -> None:
        """Stores a small text."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as file:
            file.write(text)
            file.flush()
            self.put(key, file.name)

    def _path(self, key: str) -> str:
        if key.startswith("/") or ".." in key.split("/"):
            raise ValueError("a key leaves the store")
        return f"{self._base}/{key}"


def _bucket(settings: dict):
    endpoint = settings.get("endpoint", "")
    scheme, _, host = endpoint.rpartition("://")
    return fs.S3FileSystem(
        access_key=settings.get("access_key_id"),
        secret_key=settings.get("secret_access_key"),
        session_token=settings.get("session_token"),
        region=settings.get("region", "us-east-1"),
        endpoint_override=host or None,
        scheme=scheme or "https",
        force_virtual_addressing=settings.get("virtual_hosted") == "true",
    )
