import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from docs.generator.markdown import anchor

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)")
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("http://", "https://", "mailto:")
SKIPPED = {".venv", ".git", "node_modules", "build", "dist", "work"}


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        return [path for name in listed.stdout.split() if (path := ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts)]


def fragments(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(page):
    broken = []
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(ELSEWHERE):
            continue
        name, _, fragment = unquote(target).partition("#")
        found = (page.parent / name).resolve() if name else page
        missing = not found.exists() or not found.is_relative_to(ROOT)
        if missing or (fragment and found.suffix == ".md" and fragment not in fragments(found)):
            broken.append(target)
    assert not broken
