"""Every file that a Debian package or the image takes from this repository is there."""

import pathlib
import sys
import tomllib

missing = []
for manifest in pathlib.Path().glob("*/Cargo.toml"):
    deb = tomllib.loads(manifest.read_text())["package"].get("metadata", {}).get("deb")
    if deb is None:
        continue
    sources = [source for source, *_ in deb["assets"] if not source.startswith("target/")]
    sources += [deb["maintainer-scripts"]] if "maintainer-scripts" in deb else []
    sources += [f"{unit['unit-scripts']}/{unit['unit-name']}.service" for unit in deb.get("systemd-units", [])]
    missing += [f"{manifest}: {source}" for source in sources if not (manifest.parent / source).exists()]
    # A file of the package that is no asset, or one that may be changed and is not known as such.
    targets = {"/" + target.lstrip("/") for _, target, _ in deb["assets"]}
    missing += [f"{manifest}: conf-files has {file}" for file in deb.get("conf-files", []) if file not in targets]
workspace = tomllib.loads(pathlib.Path("Cargo.toml").read_text())["workspace"]
context = pathlib.Path(".dockerignore").read_text().splitlines()
needed = [*workspace["members"], "Cargo.toml", "Cargo.lock", "build.rs", "proto"]
missing += [f".dockerignore: {name} is kept out of the image's build" for name in needed if f"!/{name}" not in context]
dockerfile = pathlib.Path("deploy/Dockerfile").read_text()
for program in ("b3lb", "b3lb-control-plane", "b3lb-data-plane", "b3lbctl", "b3lb-sim"):
    if f"FROM base AS {program}\nCOPY --from=build /out/{program} " not in dockerfile:
        missing.append(f"deploy/Dockerfile: no target {program}")
if missing:
    sys.exit("not there:\n" + "\n".join(missing))
print("what packages and images are made of is there")
