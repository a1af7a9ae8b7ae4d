"""Every file that a Debian package takes from this repository is there."""

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
if missing:
    sys.exit("not there:\n" + "\n".join(missing))
print("what the packages are made of is there")
