"""kubernetes_asyncio: the official client's twin for asyncio."""

import asyncio

import pytest
from kubernetes_asyncio import client, config, watch
from kubernetes_asyncio.client import ApiException
from objects import config_map, deployment


async def main() -> None:
    await config.load_kube_config()
    async with client.ApiClient() as api:
        core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
        await core.create_namespaced_config_map("default", config_map("a"))
        seen = []
        only_a = {"field_selector": "metadata.name=a", "timeout_seconds": 20}
        async with watch.Watch().stream(core.list_namespaced_config_map, "default", **only_a) as stream:
            async for event in stream:
                seen.append((event["type"], event["object"].metadata.name))
                if seen[-1] == ("ADDED", "a"):
                    await core.patch_namespaced_config_map("a", "default", {"data": {"k": "2"}})
                if seen[-1] == ("MODIFIED", "a"):
                    await core.delete_namespaced_config_map("a", "default")
                if seen[-1] == ("DELETED", "a"):
                    break
        assert [kind for kind, _ in seen] == ["ADDED", "MODIFIED", "DELETED"], seen
        with pytest.raises(ApiException, match="Reason: Not Found"):
            await core.read_namespaced_config_map("a", "default")
        await apps.create_namespaced_deployment("default", deployment("web"))
        while (await apps.read_namespaced_deployment_status("web", "default")).status.available_replicas != 2:
            await asyncio.sleep(0.1)
        await apps.delete_namespaced_deployment("web", "default", propagation_policy="Foreground")
        while (await core.list_namespaced_pod("default", label_selector="app=web")).items:
            await asyncio.sleep(0.1)


asyncio.run(main())
print("create, patch, watch, delete, a deployment up and down in the foreground")
