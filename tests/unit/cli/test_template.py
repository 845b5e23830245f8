"""The template engine against what docker 28.2.2 printed for the same templates and the same container."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.cli import template

HERE = Path(__file__).parent
CONTAINER: dict[str, Any] = json.loads((HERE / "container.json").read_text())
CASES: list[dict[str, str]] = json.loads((HERE / "template_cases.json").read_text())


@pytest.mark.parametrize("case", [case for case in CASES if "prints" in case], ids=lambda case: case["template"])
def test_prints_what_docker_prints(case: dict[str, str]) -> None:
    assert template.render(case["template"], CONTAINER) == case["prints"]


@pytest.mark.parametrize("case", [case for case in CASES if "fails" in case], ids=lambda case: case["template"])
def test_fails_with_dockers_words(case: dict[str, str]) -> None:
    with pytest.raises(template.TemplateError) as failure:
        template.render(case["template"], CONTAINER)
    assert str(failure.value) == f"template parsing error: {case['fails']}"
    assert failure.value.parsing == ("executing" not in case["fails"])


def test_a_row_knows_its_fields_only() -> None:
    row = template.Context("*formatter.ContainerContext", {"ID": "6e5c", "Label": lambda name: name.upper()})
    assert template.render('{{.ID}} {{.Label "a"}} {{json .}}', row) == '6e5c A {"ID":"6e5c"}'
    with pytest.raises(template.TemplateError, match=r"can't evaluate field Foo in type \*formatter.ContainerContext"):
        template.render("{{.Foo}}", row)
    with pytest.raises(template.TemplateError, match="wrong number of args for Label: want 1 got 0"):
        template.render("{{.Label}}", row)


def test_endless_recursion_ends() -> None:
    with pytest.raises(template.TemplateError, match="exceeded maximum template depth"):
        template.render('{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}', CONTAINER)
