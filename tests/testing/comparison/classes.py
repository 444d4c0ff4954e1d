"""How two answers to one request disagree, and what all of them say together."""

from __future__ import annotations

# From the best to the worst.
CLASSES = ("same", "wording", "causes", "object", "headers", "not imitated", "status", "accepted")


def class_of(real: dict, fake: dict) -> str:
    """`accepted`: the fake did what the real server refuses, the one thing that it must never do."""
    if real["status"] != fake["status"]:
        if fake["status"] == 501:
            return "not imitated"
        return "accepted" if fake["status"] < 300 <= real["status"] else "status"
    if real["body"] == fake["body"]:
        return "same" if real["headers"] == fake["headers"] else "headers"
    if real["status"] < 300:
        return "object"
    if not isinstance(real["body"], dict) or not isinstance(fake["body"], dict):
        return "wording"
    return "wording" if causes(real["body"]) == causes(fake["body"]) else "causes"


def causes(status: dict):
    """What machines read of a refusal."""
    details = status.get("details") or {}
    # The real server says some of them twice, which says no more.
    listed = {(one.get("reason"), one.get("field")) for one in details.get("causes") or []}
    rest = {key: value for key, value in details.items() if key != "causes"}
    return status.get("reason"), rest, listed


def diverged(real: dict, fake: dict) -> bool:
    """Whether what follows is asked of two different states."""
    return (real["status"] < 300) != (fake["status"] < 300)


def differences(real, fake, path="", most=6) -> list[str]:
    """Where two values differ."""
    if isinstance(real, dict) and isinstance(fake, dict):
        found = []
        for key in dict.fromkeys([*real, *fake]):
            here = f"{path}.{key}"
            if key not in fake:
                found.append(f"{here}: only real: {str(real[key])[:90]}")
            elif key not in real:
                found.append(f"{here}: only fake: {str(fake[key])[:90]}")
            else:
                found += differences(real[key], fake[key], here)
        return found[:most]
    if isinstance(real, list) and isinstance(fake, list) and len(real) == len(fake):
        return [
            one for i, pair in enumerate(zip(real, fake, strict=True)) for one in differences(*pair, f"{path}[{i}]")
        ][:most]
    return [] if real == fake else [f"{path}:\n      R {str(real)[:400]}\n      F {str(fake)[:400]}"]
