"""Checks of a rendered chart that no schema makes: chart.py MANIFESTS DIR, and writes both planes' configurations into DIR."""

import pathlib
import sys

import yaml

path, target = sys.argv[1], pathlib.Path(sys.argv[2])
manifests = [manifest for manifest in yaml.safe_load_all(pathlib.Path(path).read_text()) if manifest]
problems = []


def pods():
    """What runs, and what it is called."""
    for manifest in manifests:
        name = f"{manifest['kind']} {manifest['metadata']['name']}"
        if manifest["kind"] in ("Deployment", "StatefulSet"):
            yield name, manifest["spec"]["template"]["metadata"]["labels"], manifest["spec"]["template"]["spec"]
        elif manifest["kind"] == "Pod":
            yield name, manifest["metadata"]["labels"], manifest["spec"]


def restricted(name, spec):
    """The Pod Security Standard `restricted`, and a little more."""
    whole = spec["securityContext"]
    if not whole.get("runAsNonRoot") or whole.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        problems.append(f"{name}: may run as root, or makes any system call")
    if spec.get("automountServiceAccountToken") is not False:
        problems.append(f"{name}: is given a token of Kubernetes")
    for container in spec["containers"]:
        own = container["securityContext"]
        if own["allowPrivilegeEscalation"] or own["capabilities"] != {"drop": ["ALL"]} or not own["readOnlyRootFilesystem"]:
            problems.append(f"{name}: {container['name']} may do too much")
        if "limits" not in container["resources"]:
            problems.append(f"{name}: {container['name']} has no limit")
        mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
        there = {volume["name"] for volume in spec.get("volumes", [])} | {"state"}
        if not mounted <= there:
            problems.append(f"{name}: mounts {mounted - there}, which is not there")
        for variable in container.get("env", []):
            secret = variable["name"].endswith(("_KEY", "_SECRET", "_TOKEN", "_PASSWORD"))
            if secret and "value" in variable:
                problems.append(f"{name}: {variable['name']} stands in the manifest")


def selects(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


found = list(pods())
for name, _, spec in found:
    restricted(name, spec)
for manifest in manifests:
    kind, spec = manifest["kind"], manifest.get("spec", {})
    selector = {"Service": lambda: spec["selector"], "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"],
                "NetworkPolicy": lambda: spec["podSelector"]["matchLabels"]}.get(kind)
    if selector and sum(selects(selector(), labels) for _, labels, _ in found) != 1:
        problems.append(f"{kind} {manifest['metadata']['name']}: does not select the pods of one plane")
    if kind == "ServiceMonitor":
        services = [s for s in manifests if s["kind"] == "Service" and selects(spec["selector"]["matchLabels"], s["metadata"]["labels"])]
        ports = [port["name"] for service in services for port in service["spec"]["ports"]]
        if ports != [endpoint["port"] for endpoint in spec["endpoints"]]:
            problems.append(f"ServiceMonitor {manifest['metadata']['name']}: its services have the ports {ports}")
    if kind == "ConfigMap" and "control-plane.yaml" in manifest["data"]:
        target.mkdir(exist_ok=True)
        for plane in ("control-plane.yaml", "data-plane.yaml"):
            (target / plane).write_text(manifest["data"][plane])
if problems:
    sys.exit(f"{path}:\n" + "\n".join(problems))
