"""Lists: which state a request may see, and which part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from trio_k8swatch.testing._http.list_parameters import ListOptions
from trio_k8swatch.testing._http.request_info import Target
from trio_k8swatch.testing._http.statuses import EXPIRED_CONTINUE, expired, too_large_resource_version
from trio_k8swatch.testing._json import Object

from .continue_tokens import INCONSISTENT, Continue, parse_continue
from .history import Key, Revision, Storage
from .selectors import Predicate


@dataclass(frozen=True, slots=True)
class Page:
    """What a list answers."""

    revisions: Sequence[Revision]
    resource_version: int
    continue_token: str = ""
    remaining: int | None = None
    shard_selector: str = ""

    def metadata(self, *, custom: bool) -> Object:
        """The list's own metadata; custom resources always show `continue`, and their keys are sorted."""
        metadata: Object = {"resourceVersion": str(self.resource_version)}
        if self.continue_token or custom:
            metadata["continue"] = self.continue_token
        if self.remaining is not None:
            metadata["remainingItemCount"] = self.remaining
        if self.shard_selector:
            metadata["shardInfo"] = {"selector": self.shard_selector}
        return dict(sorted(metadata.items())) if custom else metadata


def read_page(storage: Storage, target: Target, options: ListOptions, now: float) -> Page:
    """The page that was asked for. Raises 410 for a state that is forgotten and 504 for one that is not reached."""
    if options.continue_token:
        return _continued(storage, target, options, now)
    wanted = options.version
    if wanted > storage.resource_version:
        raise too_large_resource_version(wanted, storage.resource_version)
    if options.exact:
        if wanted < storage.oldest_list(target.kind.storage_name, now):
            raise expired("The resourceVersion for the provided list is too old.")
        return _page(storage, target, options, wanted, "")
    return _page(storage, target, options, storage.resource_version, "")


def _continued(storage: Storage, target: Target, options: ListOptions, now: float) -> Page:
    place = parse_continue(options.continue_token)
    if place.resource_version == INCONSISTENT:
        return _page(storage, target, options, storage.resource_version, place.after)
    if place.resource_version < storage.oldest_list(target.kind.storage_name, now):
        fresh = Continue(INCONSISTENT, place.after).token()
        raise expired(EXPIRED_CONTINUE, **{"continue": fresh})
    return _page(storage, target, options, place.resource_version, place.after)


def _page(storage: Storage, target: Target, options: ListOptions, version: int, after: str) -> Page:
    name = target.kind.storage_name
    snapshot = storage.snapshots.at(name, storage[name], version)
    # The places of a snapshot have the namespace in front; the continue tokens of a namespace have not.
    resumed = f"{target.namespace}/{after}" if after and target.namespace else after
    start, end = snapshot.range(target.namespace, target.name, resumed)
    matching = (one for one in snapshot.between(start, end) if _matches(one[1], target, options.selector))
    if not options.limit:
        return Page([revision for _, revision in matching], version)
    page = list(islice(matching, options.limit))
    if next(matching, None) is None:
        return Page([revision for _, revision in page], version)
    # With a selector the server would have to read everything to count the rest, so it does not.
    remaining = None if options.selector else end - start - len(page)
    place = page[-1][0].removeprefix(f"{target.namespace}/") if target.namespace else page[-1][0]
    return Page([revision for _, revision in page], version, Continue(version, place).token(), remaining)


def _matches(revision: Revision, target: Target, selector: Predicate | None) -> bool:
    if target.name and revision.object["metadata"]["name"] != target.name:
        return False
    return selector is None or selector(revision.object)


def in_order(state: dict[Key, Revision], target: Target, selector: Predicate | None) -> list[tuple[Key, Revision]]:
    """What of a state the request is about, in the order of etcd's keys."""
    return sorted(
        (
            (key, revision)
            for key, revision in state.items()
            if (not target.namespace or key[0] == target.namespace)
            and (not target.name or key[1] == target.name)
            and (selector is None or selector(revision.object))
        ),
        key=_etcd_order,
    )


def _etcd_order(item: tuple[Key, Revision]) -> str:
    return "/".join(item[0])
