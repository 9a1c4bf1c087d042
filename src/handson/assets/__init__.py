"""Assets: the files that come from elsewhere, described in assets.toml, kept by their content, fetched and verified."""

from handson.assets.cache import Cache
from handson.assets.fetching import Fetched, FetchError, fetch
from handson.assets.manifest import Asset, AssetFile, Manifest, index_for, missing, read_manifest
from handson.assets.sources import Sources, Watcher

__all__ = [
    "Asset",
    "AssetFile",
    "Cache",
    "FetchError",
    "Fetched",
    "Manifest",
    "Sources",
    "Watcher",
    "fetch",
    "index_for",
    "missing",
    "read_manifest",
]
