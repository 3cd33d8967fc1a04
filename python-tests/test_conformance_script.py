"""What scripts/conformance.py refuses, seen on a small catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import conformance
from scripts.conformance import ConformanceError

ROWS = {
    "core.md": {
        "C-001": "MUST",
        "C-002": "SHOULD NOT",
        "C-003": "POLICY",
        "C-004": "MUST",
        "C-005": "MAY",
    },
    "sdp.md": {"S-001": "MUST"},
}
REASONS = """
[[reason]]
lines = ["C-002", "C-004"]
out_of_scope = "TLS"
why = "No TLS here."

[[reason]]
lines = ["S-001 to S-001", "R-001", "F-001", "M-001", "W-001", "D-001", "P-001"]
why = "Not built."

[[reason]]
lines = ["C-005", "T-01"]
why = "A matter of taste."
"""


class Project:
    """A tree with a catalogue, reasons, tests and the marks of a run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "docs" / "conformance"
        self.folder.mkdir(parents=True)
        for name, letter in conformance.FILES.items():
            rows = ROWS.get(name, {f"{letter}-001": "—"})
            self.catalogue(name, [f"| {line} | {level} | x | y |" for line, level in rows.items()])
        self.catalogue("traps.md", ["**T-01 A trap.** Text."])
        self.reasons(REASONS)
        (root / "msrp-rs").mkdir()
        self.source("")
        (root / "msrp-rs" / "b.rs").touch()
        self.mark("C-001 C-003")

    def catalogue(self, name: str, rows: list[str]) -> None:
        (self.folder / name).write_text("\n".join(["# Title", "", *rows, ""]))

    def reasons(self, text: str) -> None:
        (self.folder / "reasons.toml").write_text(text)

    def source(self, text: str) -> None:
        (self.root / "msrp-rs" / "a.rs").write_text(text)

    def mark(self, ids: str, file: str = "msrp-rs/a.rs") -> None:
        self.marks = self.root / "marks.tsv"
        lines = [f"{line}\t{file}\tsees_{line[2:]}\n" for line in ids.split()]
        self.marks.write_text("".join(lines))

    def run(self, *arguments: str) -> str:
        return conformance.run([*arguments], self.root)

    def write(self) -> str:
        return self.run(str(self.marks))

    def check(self) -> str:
        return self.run("--check", str(self.marks))

    @property
    def table(self) -> str:
        return (self.folder / "coverage.md").read_text()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_table_has_tests_and_reasons(project: Project) -> None:
    assert "written: 2 of 13 lines covered" in project.write()
    table = project.table
    assert "| [core.md](core.md) | all | 5 | 2 | 2 | 1 |" in table
    assert "|  | MUST | 2 | 1 | 1 |  |" in table
    assert "| C-001 | MUST | `msrp-rs/a.rs::sees_001` |" in table
    assert "| C-002, C-004 | TLS | No TLS here. |" in table
    assert "| C-005 |  | A matter of taste. |" in table
    assert "| S-001 |  | Not built. |" in table
    assert project.check().endswith("is up to date: 2 of 13 lines covered")


def test_a_mark_that_several_runs_leave_counts_once(project: Project) -> None:
    project.write()
    once = project.table
    project.mark("C-003 C-001 C-003")
    project.check()
    assert project.table == once


def test_a_stale_table_fails(project: Project) -> None:
    with pytest.raises(ConformanceError, match="make conformance"):
        project.check()
    project.write()
    project.mark("C-001 C-003", "msrp-rs/b.rs")
    before = project.table
    with pytest.raises(ConformanceError, match="is not what the tests say"):
        project.check()
    assert project.table == before


def test_a_mark_with_an_unknown_id_fails(project: Project) -> None:
    project.mark("C-001 C-003 C-099")
    with pytest.raises(ConformanceError, match="sees_099: C-099 is in no catalogue file"):
        project.write()


@pytest.mark.parametrize("file", ["msrp-rs/gone.rs", "conformance/lib.rs", "/a.rs"])
def test_a_mark_from_elsewhere_fails(project: Project, file: str) -> None:
    project.mark("C-001 C-003", file)
    with pytest.raises(ConformanceError, match="is no test"):
        project.write()


@pytest.mark.parametrize("text", ["", "C-001\n", "C-001 msrp-rs/a.rs b\n"])
def test_a_file_without_marks_fails(project: Project, text: str) -> None:
    project.marks.write_text(text)
    with pytest.raises(ConformanceError, match=r"is no mark|has no marks"):
        project.write()


def test_a_line_without_test_and_reason_fails(project: Project) -> None:
    project.mark("C-001")
    with pytest.raises(ConformanceError, match=r"C-003 \(POLICY\): no test sees it"):
        project.write()


def test_a_stale_reason_fails(project: Project) -> None:
    project.mark("C-001 C-002 C-003")
    with pytest.raises(ConformanceError, match=r"C-002: .*/a.rs::sees_002 sees it"):
        project.write()


def test_a_binding_line_of_the_core_needs_a_scope(project: Project) -> None:
    project.reasons(REASONS.replace('out_of_scope = "TLS"\n', ""))
    with pytest.raises(ConformanceError, match=r"C-002 is a SHOULD NOT, .*\n.*C-004 is a MUST"):
        project.write()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"TLS"', '"taste"', "out_of_scope is one of TLS, DNS"),
        ("S-001 to", "S-000 to", "S-000 is in no catalogue file"),
        ("S-001 to S-001", "C-003 to C-001", "is no range"),
        ("S-001 to S-001", "C-001 to S-001", "is no range"),
        ('"R-001"', '"C-002"', "C-002 stands there twice"),
        ("why =", "because =", "an entry has `lines`, `why`"),
        ("[[reason]]", "[[later]]", "unknown key `later`"),
    ],
)
def test_unsound_reasons_fail(project: Project, old: str, new: str, complaint: str) -> None:
    project.reasons(REASONS.replace(old, new))
    with pytest.raises(ConformanceError, match=complaint):
        project.write()


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("| C-001 | MUST | x |", "C-001 stands in core.md and again in core.md"),
        ("| S-002 | MUST | x |", "S-002 belongs into another file"),
        ("| C-009 | OUGHT | x |", "C-009 has the unknown level OUGHT"),
    ],
)
def test_an_unsound_catalogue_fails(project: Project, row: str, complaint: str) -> None:
    text = (project.folder / "core.md").read_text()
    project.catalogue("core.md", [*text.splitlines(), row])
    with pytest.raises(ConformanceError, match=complaint):
        project.write()


def test_without_a_run_the_ids_in_the_sources_count(project: Project) -> None:
    mark = "covers!"
    project.source(f'fn a() {{ {mark}("C-001"); {mark}(\n    "C-003",\n); }}')
    assert "13 lines, each with a test" in project.run("--static")
    project.source(f'{mark}("C-001");')
    with pytest.raises(ConformanceError, match="C-003"):
        project.run("--static")
    project.source(f'{mark}("C-001", "C-003", "C-077");')
    with pytest.raises(ConformanceError, match=r"msrp-rs/a.rs: C-077 is in no catalogue"):
        project.run("--static")


@pytest.mark.parametrize("arguments", [[], ["--check"], ["--help"], ["a", "b"]])
def test_other_arguments_are_explained(project: Project, arguments: list[str]) -> None:
    with pytest.raises(ConformanceError, match=r"conformance.py --check MARKS"):
        project.run(*arguments)


def test_the_project_itself_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main(["--static"]) == 0, capsys.readouterr().err
