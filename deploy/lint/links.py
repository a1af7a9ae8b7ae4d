"""Every link of README.md and deploy/docs to a file of the repository, and to a heading in it, must lead somewhere."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchor(heading):
    """As GitHub makes it."""
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")


def prose(page):
    """Its lines, without blocks of code."""
    in_code = False
    for line in page.read_text().splitlines():
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            yield line


def anchors(page):
    return {anchor(line.lstrip("#")) for line in prose(page) if re.match("#+ ", line)}


pages = [ROOT / "README.md", *sorted((ROOT / "deploy/docs").rglob("*.md"))]
wrong = []
for page in pages:
    for target in LINK.findall("\n".join(prose(page))):
        if re.match("[a-z]+:", target):
            continue
        path, _, name = target.partition("#")
        meant = (page.parent / path).resolve() if path else page
        if not meant.exists() or (name and meant.suffix == ".md" and name not in anchors(meant)):
            wrong.append(f"{page.relative_to(ROOT)}: {target} leads nowhere")
if wrong:
    sys.exit("\n".join(wrong))
print(f"links of {len(pages)} pages: ok")
