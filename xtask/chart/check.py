"""Lints the Helm chart, renders it for every file of values in its ci/, holds each object against Kubernetes' schemas, and holds that deploy/manifests
is what the chart renders. With --write, writes deploy/manifests anew. Run by `cargo xtask chart`."""

import pathlib
import re
import sys

import helm_python as helm
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/margay"
MANIFESTS = ROOT / "deploy/manifests"
KUBERNETES = "1.37"
# Kinds of other projects, whose schemas are not Kubernetes'.
FOREIGN = {"monitoring.coreos.com/v1", "cert-manager.io/v1"}
# CRDs hold schemas, which are values of any shape to a schema.
UNCHECKED = {"CustomResourceDefinition"}
# Each must be refused, with these words.
REFUSED = [
    ("agent: {confg: {}}", "additional properties 'confg' not allowed"),
    ("agent: {config: {logLevl: info}}", "additional properties 'logLevl' not allowed"),
    ("agent: {config: {unknownPods: maybe}}", "unknownPods"),
    ("agent: {config: {metricsAddress: '9091'}}", "metricsAddress"),
    ("linux: {maxUnavailable: 0}", "maxUnavailable"),
    ("linux: {maxUnavailable: 200%}", "maxUnavailable"),
    ("image: {digest: latest}", "digest"),
    ("controller: {replicas: two}", "replicas"),
    ("podMonitor: {enabled: true}", "on loopback"),
    ("admission: {webhook: {enabled: true}}", "whom to trust"),
    ("{admission: {webhook: {enabled: true, certManager: true}}, controller: {enabled: false}}", "controller.enabled is false"),
]


def rendered(chart, values):
    """The objects of a rendering: of each, its template, its text and its value."""
    for path, text in sorted(chart.render(values, name="margay", namespace="margay-system").items()):
        if path.endswith("NOTES.txt"):
            continue
        for document in re.split(r"^---\n", text, flags=re.MULTILINE):
            value = yaml.safe_load(document)
            if value is not None:
                yield pathlib.Path(path).name, document.strip("\n") + "\n", value


def check(objects, what):
    """What Kubernetes' schemas say against objects, and that no two are one."""
    seen = set()
    for template, _, value in objects:
        name = f"{value['kind']} {value['metadata'].get('namespace', '')}/{value['metadata']['name']}"
        if name in seen:
            yield f"{what}: {name} is there twice"
        seen.add(name)
        if value["apiVersion"] in FOREIGN or value["kind"] in UNCHECKED:
            continue
        try:
            kubernetes_validate.validate(value, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(step) for step in error.path)
            yield f"{what}: {template}: {name}: {path}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"{what}: {template}: {name}: {error.message}"


def manifests(chart):
    """deploy/manifests as the chart renders them: the namespace first, and without Helm's mark on them."""
    first = {"Namespace": 0, "ServiceAccount": 1, "ConfigMap": 2}
    objects = sorted(rendered(chart, {"createNamespace": True}), key=lambda each: first.get(each[2]["kind"], 3))
    head = "# Rendered from deploy/helm/margay by `cargo xtask chart --write`: change the chart, not this.\n"
    files = {"crds.yaml": [], "margay.yaml": []}
    for _, text, value in objects:
        text = re.sub(r"^ +app.kubernetes.io/managed-by: Helm\n", "", text, flags=re.MULTILINE)
        files["crds.yaml" if value["kind"] == "CustomResourceDefinition" else "margay.yaml"].append(text)
    return {name: head + "---\n".join([""] + texts) for name, texts in files.items() if texts}


def main():
    complaints = []
    chart = helm.Chart.load(CHART)
    total = 0
    sets = [("values.yaml", {})] + [(file.name, helm.values_from_yaml(file.read_text())) for file in sorted(CHART.glob("ci/*.yaml"))]
    for name, values in sets:
        report = helm.lint(CHART, values, strict=True, namespace="margay-system", kube_version=f"v{KUBERNETES}.0")
        complaints += [f"{name}: lint: {found['path']}: {found['error']}" for found in report["messages"] if found["severity"] > 1]
        complaints += [f"{name}: lint: {error}" for error in report["errors"]]
        objects = list(rendered(chart, values))
        total += len(objects)
        complaints += check(objects, name)
    for text, words in REFUSED:
        try:
            chart.render(helm.values_from_yaml(text), name="margay", namespace="margay-system")
            complaints.append(f"values {text} should be refused")
        except helm.HelmError as error:
            if words not in str(error):
                complaints.append(f"values {text} are refused without the words {words!r}: {error}")
    files = manifests(chart)
    if "--write" in sys.argv:
        MANIFESTS.mkdir(exist_ok=True)
        for file in MANIFESTS.glob("*.yaml"):
            file.unlink()
        for name, text in files.items():
            (MANIFESTS / name).write_text(text)
    there = {file.name: file.read_text() for file in MANIFESTS.glob("*.yaml")}
    if there != files:
        complaints.append("deploy/manifests is not what the chart renders: run `cargo xtask chart --write`")
    for complaint in complaints:
        print(f"   {complaint}")
    print(f"   Helm {helm.helm_sdk_version()}: {len(sets)} sets of values, {total} objects against Kubernetes {KUBERNETES}, {len(REFUSED)} refused, {len(files)} manifests")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
