"""Objects below an S3 prefix (`arrive.source`), copied into data/incoming once each.

An object is whole from the moment it is listed: S3 shows none that is still being written. It is known by its key and
ETag, noted once it lies in data/incoming; killed in between, it comes again and is known by its content.
"""

import json
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tasks.arriving.incoming import put_into_incoming
from thawline.errors import ServiceError
from thawline.formats.tables import MB
from thawline.params import Params
from thawline.rows.arrivals import is_candidate
from thawline.system.console import console
from thawline.system.files import write_lastingly
from thawline.system.kept_records import parse_texts, read_or_set_aside
from thawline.workspace import Workspace

FETCHED = "fetched.json"


def fetch_objects(workspace: Workspace, params: Params) -> list[str]:
    """Copy what is new below `arrive.source` into data/incoming; return the keys. Call it under the lock `data`.

    Raises:
        ServiceError: The bucket does not answer, or refuses.
        StorageError: No permission or no space.
    """
    if params.arrive.source is None:
        return []
    note = workspace.state / FETCHED
    seen = read_or_set_aside(note, parse_texts) or {}  # what is forgotten comes again and is known by its content
    fetched = []
    try:
        bucket = _connect()
        for key, (tag, size_bytes) in _list(bucket, params.arrive.source).items():
            name = key.rpartition("/")[2]
            if seen.get(key) == tag or not is_candidate(name):
                continue
            if size_bytes > params.ingest.max_file_mb * MB:
                _say_too_large(key, tag, size_bytes, params.ingest.max_file_mb)
                continue
            with put_into_incoming(workspace, name) as temporary:
                bucket.get_file(key, str(temporary))
            seen[key] = tag
            write_lastingly(note, json.dumps(seen).encode())
            fetched.append(key)
            console.print(f"  fetched s3://{key}", markup=False, soft_wrap=True)
    except (BotoCoreError, ClientError, OSError) as error:
        raise ServiceError(
            f"can't fetch from {params.arrive.source}: {error}; check the bucket's name, the network and the AWS "
            "variables of the environment; what was fetched is kept"
        ) from error
    return fetched


def _connect() -> Any:
    from s3fs import S3FileSystem

    return S3FileSystem(skip_instance_cache=True, use_listings_cache=False)


def _list(bucket: Any, source: str) -> dict[str, tuple[str, int]]:
    """Return the ETag and size of each object by its key, the oldest first; names of folders are no objects."""
    found = bucket.find(source, detail=True)
    files = [info for info in found.values() if info["type"] == "file" and not info["name"].endswith("/")]
    files.sort(key=lambda info: (str(info.get("LastModified", "")), info["name"]))
    return {str(info["name"]): (str(info.get("ETag", "")), int(info.get("size") or 0)) for info in files}


@cache
def _say_too_large(key: str, _tag: str, size_bytes: int, max_mb: float) -> None:
    """Say once, and not at every sweep, that an object is not fetched."""
    console.print(
        f"  not fetched: s3://{key} has {size_bytes / MB:,.0f} MB, more than {max_mb:,g} "
        "(ingest.max_file_mb); put it there in parts, or raise that",
        style="yellow",
        markup=False,
        soft_wrap=True,
    )
