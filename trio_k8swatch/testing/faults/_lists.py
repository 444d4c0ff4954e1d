"""Faults of lists: pages that are not what was asked for."""

from __future__ import annotations

from typing import Unpack

from trio_k8swatch.testing._http import Request

from ._answers import Rewritten
from ._base import FaultBase
from ._fault import Fault, WhenOptions


class ListFaults(FaultBase):
    """What may be wrong with a list that is answered 200."""

    def ignore_limit(self, **when: Unpack[WhenOptions]) -> Fault:
        """The server sends everything whatever the limit, until removed."""

        def without(request: Request) -> Request:
            return request.without_parameters("limit")

        return self._lasting("ignore_limit", Rewritten(without), "list", when)
