"""docs/architecture.md: every path and name on it exists. No page points to a file that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.docs.code_index import ROOT, code_names, is_known, make_targets, names_in
from translate_svc.cli.main import app
from translate_svc.config import setting_infos

MAP = ROOT / "docs/architecture.md"
PAGES = sorted(
    {ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "model_cache/README.md"}
    | {page for folder in ("docs", "k8s", "training") for page in (ROOT / folder).rglob("*.md")}
)
_ENDINGS = "py|md|proto|json|csv|env|toml|yaml|yml|txt|sh|js|mjs|ogg|png"
PATH = re.compile(rf"\.?[\w.-]+(?:/[\w.-]+)*(?:/|\.(?:{_ENDINGS}))")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
SUFFIX = re.compile(r"\*?(_\w+)")
NAMES_OF_A_FILE = re.compile(r"`([\w./-]+\.py)` \(((?:`[\w.]+`(?:, )?)+)\)")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)")
NOT_CODE = {"path", "Name", "</s>"}
"""Code spans that stand for something else."""
ELSEWHERE = {
    "config.json",
    "generation_config.json",
    "speakers.json",
    ".pulling/",
    "facebook--seamless-m4t-v2-large/",
    "my-cluster/kustomization.yaml",
}
"""Files of any model's directory, and of a reader's own."""
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """A page without its blocks of code, its lines joined."""
    return " ".join(BLOCK.sub("", page.read_text("utf-8")).split())


def spans(page: Path) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", prose(page))


def found(path: str, beside: Path = MAP) -> Path | None:
    """The file or folder: of the repository, of the package, of the tests, or beside a page."""
    for base in (ROOT, ROOT / "translate_svc", ROOT / "tests", beside.parent):
        if (base / path).exists():
            return base / path
    return None


def commands() -> set[str]:
    functions = {str(each.callback.__name__) for each in app.registered_commands if each.callback}
    return functions | {str(group.name) for group in app.registered_groups}


def problem(span: str) -> str:
    """The fault of a code span of the map; empty without one."""
    kind, is_right = "is of no known kind", False
    if span in NOT_CODE | ELSEWHERE:
        return ""
    if PATH.fullmatch(span):
        kind, is_right = "is no path", found(span) is not None
    elif span.startswith("make "):
        kind, is_right = "is no target", span.removeprefix("make ") in make_targets()
    elif span.startswith("--"):
        kind, is_right = "is no flag of a setting", span[2:].replace("-", "_") in setting_infos()
    elif span.startswith("translate-svc "):
        kind, is_right = "is no command", span.split()[1] in commands()
    elif span.startswith("TRANSLATE_SVC_"):
        kind, is_right = "is no variable", span.endswith("...") or span[14:].lower() in setting_infos()
    elif match := SUFFIX.fullmatch(span):
        kind, is_right = "ends no name", any(name.endswith(match[1]) for name in code_names())
    elif NAME.fullmatch(span):
        kind, is_right = "is no name", is_known(span)
    return "" if is_right else f"`{span}` {kind}"


def test_every_path_and_name_of_the_map_exists() -> None:
    told = spans(MAP)
    assert len(told) > 200
    assert sorted({wrong for span in told if (wrong := problem(span))}) == []


def test_every_name_is_in_the_file_that_the_map_says() -> None:
    pairs = [
        (path, name)
        for path, names in NAMES_OF_A_FILE.findall(prose(MAP))
        for name in re.findall(r"`([\w.]+)`", names)
    ]
    assert len(pairs) > 80
    missing = [(path, name) for path, name in pairs if (file := found(path)) and name not in names_in(file)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_to_exists(page: Path) -> None:
    paths = {span for span in spans(page) if "/" in span and PATH.fullmatch(span)} - ELSEWHERE
    broken = [path for path in sorted(paths) if not found(path, page)]
    broken += [span for span in spans(page) if span.startswith("make ") and problem(span)]
    for path, anchor in LINK.findall(page.read_text("utf-8")):
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")
    assert broken == []


def anchors(page: Path) -> set[str]:
    """What GitHub calls a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_of_the_decisions_has_them_all() -> None:
    folder = ROOT / "docs/adr"
    listed = re.findall(r"\]\((\d{4}[\w-]*\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(page.name for page in folder.glob("0*.md"))


def test_hooks_run_what_the_environment_has() -> None:
    read = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    hooks = [hook for repo in read["repos"] for hook in repo["hooks"]]
    assert {repo["repo"] for repo in read["repos"]} == {"local"}
    assert {hook["entry"].split()[0] for hook in hooks} == {
        ".venv/bin/ruff",
        ".venv/bin/mypy",
        ".venv/bin/lint-imports",
    }
