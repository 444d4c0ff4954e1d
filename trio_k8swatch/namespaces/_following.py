"""Which namespaces are followed, from the moment they are wanted until nothing of them is left.

Rule 1: the block of `open_namespaces` begins when it is known of each namespace whether it can be listed.
Rule 2: one that cannot be is tried again like any failing watch; only if none can is that an error.
Rule 3: one that is left ends first; then its objects are deleted, and everyone is notified.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, TypeVar

import trio
from msgspec.structs import replace

from trio_k8swatch._config import InitMode, WatchConfig
from trio_k8swatch._errors import ApiError, ConfigError, Expired, K8sWatchError
from trio_k8swatch._exception_groups import lone_exception
from trio_k8swatch._http import Resource
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._reflector import ListWatcher, Reflector, TransformingListWatcher
from trio_k8swatch._store import Backstage, Drop, MutationDetector, State, Store

from ._caches import NamespaceCache, WholeCache

__all__ = ["Following"]

T = TypeVar("T")

_SERVER_ERROR: Final = 500

_log: Final = logging.getLogger("trio_k8swatch.namespaces")


class Following(Generic[T]):
    """Keeps the whole up to date until it is cancelled, stopped, or something fails that is not to be survived."""

    def __init__(
        self,
        whole: WholeCache[T],
        resource: Resource[T],
        config: WatchConfig,
        options: ListOptions,
        *,
        transform: Callable[[T], T] | None,
        holds: bool,
        most: int,
    ) -> None:
        self._whole = whole
        self._resource = resource
        self._config = config
        self._options = options
        self._transform = transform
        self._holds = holds
        self._most = most
        self._began = 0.0
        self._nursery: trio.Nursery | None = None
        self._is_list_wanted = trio.Event()

    async def run(
        self,
        names: Iterable[str],
        followed: Store[Any] | None,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Follow `names`, and those that `followed` shows. `started` when the block may begin."""
        whole, why = self._whole, "the watch was stopped"
        self._began = trio.current_time()
        whole.on_list_wanted = self._want_list
        try:
            with lone_exception(), whole.life:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    if followed is not None:
                        await nursery.start(self._follow, followed)
                    for name in names:
                        self.join(name)
                    await self._begin(task_status)
                    await self._list_when_wanted()
        except trio.Cancelled:
            raise
        except BaseException as error:
            why = f"the watch has ended: {type(error).__name__}: {error}"
            raise
        finally:
            whole.vitals.enter(State.STOPPED, trio.current_time())
            whole.end(why)

    # Who is followed

    def join(self, name: str) -> None:
        """Follow a namespace. Raises ConfigError if that is one too many, or its name cannot be one."""
        whole = self._whole
        member = whole.members.get(name)
        if member is not None:
            member.again = member.scope.cancel_called
            return
        if len(whole.members) >= self._most:
            raise ConfigError(
                f"open_namespaces: more than most={self._most} namespaces, each with a connection of its own; raise it, or"
                " watch the resource in all namespaces"
            )
        resource = self._resource.in_namespace(name)
        member = NamespaceCache(whole, name, whole.metadata, source=resource, is_final=self._is_final)
        if self._config.detect_mutation:
            member.mutations = MutationDetector(whole.metadata)
        if self._config.metrics is not None:
            member.notifier.metrics = self._config.metrics.watch()
        member.enter_whole(trio.current_time())
        assert self._nursery is not None
        self._nursery.start_soon(self._keep, member, resource)

    def leave(self, name: str) -> None:
        """Follow it no more."""
        member = self._whole.members.get(name)
        if member is not None:
            member.again = False
            member.scope.cancel()
            member.settled.set()

    async def _keep(self, member: NamespaceCache[T], resource: Resource[T]) -> None:
        list_watcher: ListWatcher[T] = resource
        if self._transform is not None:
            list_watcher = TransformingListWatcher(resource, self._transform, member.keep_fault)
        # What a lone watch would end with before it has begun, one of many tries again.
        config = replace(self._config, retry_at_start=(K8sWatchError,))
        with member.scope:
            await Reflector(list_watcher, member, config, self._options, InitMode.SYNC).run(task_status=member)
            # Somebody has stopped this one: what it holds stays.
            await trio.sleep_forever()
        await self._let_go(member)
        if member.again:
            self.join(member.namespace)

    async def _let_go(self, member: NamespaceCache[T]) -> None:
        async with self._whole.lock:
            gone = [Drop(key, obj, None) for key, obj in member.objects.items()]
            await member.replace({}, [*gone], member.resource_version)
            member.leave_whole(trio.current_time())
            with trio.CancelScope(shield=True):
                await member.notify_all([*gone], preexisting=False)

    async def _follow(self, followed: Store[Any], *, task_status: trio.TaskStatus[None]) -> None:
        metadata = Backstage(followed).metadata
        async with followed.subscribe(name="namespaces") as changes:
            for obj in followed:
                self._join_seen(metadata(obj).name)
            task_status.started()
            async for change in changes:
                name = metadata(change.object).name
                # The store knows what is there now, however much has happened to the name.
                if followed.by_name("", name) is None:
                    self.leave(name)
                else:
                    self._join_seen(name)
        _log.warning("%r: namespaces are followed no more, because their watch has ended", self._whole.name)

    def _join_seen(self, name: str) -> None:
        try:
            self.join(name)
        except ConfigError:
            if len(self._whole.members) >= self._most:
                raise
            _log.warning("%r: a namespace called %r cannot be followed", self._whole.name, name)

    # The start

    def _is_final(self, error: Exception, now: float) -> bool:
        """Whether a failure is one with which a lone watch would not begin."""
        if isinstance(error, (Expired, *self._config.retry_at_start)):
            return False
        may_pass = isinstance(error, ApiError) and error.status.code >= _SERVER_ERROR
        return not may_pass or now - self._began >= self._config.start_limit

    async def _begin(self, task_status: trio.TaskStatus[None]) -> None:
        members = [*self._whole.members.values()]
        for member in members:
            await member.settled.wait()
        errors = [member.first_error for member in members if member.first_error is not None]
        if errors and len(errors) == len(members):
            raise errors[0]
        if not self._holds:
            task_status.started()
            return
        async with self._whole.lock:
            task_status.started()
            await self._whole.block_begun.wait()
            with trio.CancelScope(shield=True):
                await self._whole.tell_held()

    # Lists that are asked for

    def _want_list(self) -> None:
        self._is_list_wanted.set()

    async def _list_when_wanted(self) -> None:
        whole = self._whole
        while True:
            await self._is_list_wanted.wait()
            self._is_list_wanted = trio.Event()
            ticket = whole.tickets.take()
            if ticket is not None:
                await whole.until_all([*whole.members.values()], lambda one: one.ask_for_list().wait)
                ticket.settle()
