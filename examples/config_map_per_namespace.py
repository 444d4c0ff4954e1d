"""For every Namespace with a label, one ConfigMap: repaired when it is changed, removed with the label."""

import trio

from trio_k8swatch import ApiClient, open_client, open_watch
from trio_k8swatch.controller import Key, by_owner, changed, run_controller, watch

LABEL, NAME = "example.com/team", "team"


async def control(client: ApiClient) -> None:
    """Bring it about until cancelled."""
    namespaces, configmaps = client.resource("v1", "namespaces"), client.resource("v1", "configmaps")
    async with open_watch(namespaces) as spaces, open_watch(configmaps) as maps:

        async def reconcile(key: Key) -> None:
            space, present = spaces.by_name(*key), maps.by_name(key.name, NAME)
            team = space.metadata.labels.get(LABEL) if space else None
            if space is None or team is None:
                if present and present.metadata.owner_references:
                    await configmaps.delete(NAME, namespace=key.name, uid=present.metadata.uid, missing_ok=True)
            elif present is None:
                owner = {"apiVersion": "v1", "kind": "Namespace", "name": key.name, "uid": space.metadata.uid}
                metadata = {"name": NAME, "namespace": key.name, "ownerReferences": [owner]}
                await configmaps.create({"metadata": metadata, "data": {"team": team}})
            elif present.get("data") != {"team": team}:
                await configmaps.patch(NAME, {"data": {"team": team}}, namespace=key.name)

        labelled, owned = watch(spaces, where=changed("metadata.labels")), watch(maps, keys=by_owner("Namespace"))
        await run_controller(reconcile, labelled, owned, workers=4)


async def main() -> None:
    """Against the cluster that kubectl would use."""
    async with open_client() as client:
        await control(client)


if __name__ == "__main__":
    trio.run(main)
