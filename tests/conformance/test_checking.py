"""The check itself, without an engine: a difference that nothing explains is found, named, and fails a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import page
from conformance.definitions import Answer, Definitions, Finding

DEFINITION = """
paths:
  /things/{id}:
    get:
      responses:
        200: {schema: {$ref: "#/definitions/Thing"}}
        404: {schema: {type: object}}
definitions:
  Thing:
    type: object
    required: [Id]
    properties:
      Id: {type: string}
      Count: {type: integer, x-nullable: true}
      Networks: {type: object, additionalProperties: {$ref: "#/definitions/End"}}
      Ends: {type: object, additionalProperties: {$ref: "#/definitions/End"}}
      List: {type: array, items: {type: integer}}
  End:
    type: object
    properties: {Links: {type: array, items: {type: string}}, Mode: {enum: [a, b]}}
"""


@pytest.fixture
def definitions(tmp_path: Path) -> Definitions:
    (tmp_path / "v1.50.yaml").write_text(DEFINITION)
    return Definitions(tmp_path)


def check(definitions: Definitions, body: bytes, status: int = 200, path: str = "/v1.50/things/x") -> Finding:
    answer = Answer(method="GET", target=path, agent="Docker-Client/1", status=status,
                    content_type="application/json", body=body, whole=True)  # fmt: skip
    return definitions.check(answer, (1, 50))


def test_an_answer_as_defined_has_no_difference(definitions: Definitions) -> None:
    body = b'{"Id": "x", "Count": null, "List": [1], "Ends": {"mine": {"Mode": "a"}}}'
    assert check(definitions, body).differences == ()


@pytest.mark.parametrize(
    ("body", "status", "difference"),
    [
        (b"{}", 200, ".: 'Id' is missing"),
        (b'{"Id": 1}', 200, ".Id: integer where string is declared"),
        (b'{"Id": "x", "Count": "1"}', 200, ".Count: string where integer is declared"),
        (b'{"Id": "x", "List": [1, "2", "3"]}', 200, ".List[]: string where integer is declared"),
        (b'{"Id": "x", "Ends": {"mine": {"Mode": "c"}}}', 200, '.Ends.*.Mode: "c" is none of the declared values'),
        (b"", 200, "no JSON in the body"),
        (b'{"message": "gone"}', 410, "status 410 is not among 200, 404"),
        (b"gone", 404, "the body of 404 is not JSON"),
        (b'{"error": "gone"}', 404, "the body of 404 has no message"),
    ],
)
def test_a_difference_is_named_and_nothing_excuses_it(
    definitions: Definitions, body: bytes, status: int, difference: str
) -> None:
    found = check(definitions, body, status)
    assert found.differences == (difference,)
    assert page.unexplained([found]) == [f"GET /things/{{id}}: {difference}"]


def test_a_habit_of_docker_is_explained_and_listed_once(definitions: Definitions) -> None:
    ends = [check(definitions, b'{"Id": "x", "Networks": {"%s": {"Links": null}}}' % name) for name in (b"one", b"two")]
    assert page.unexplained(ends) == []
    rendered = page.render(ends, definitions)
    assert rendered.count("`GET /things/{id}`: .Networks.*.Links: null where array is declared") == 1


def test_an_older_version_is_checked_by_the_definition_before_it(definitions: Definitions, tmp_path: Path) -> None:
    (tmp_path / "v1.30.yaml").write_text(DEFINITION.replace("required: [Id]", "required: [Name]"))
    both = Definitions(tmp_path)
    assert check(both, b'{"Id": "x"}', path="/v1.41/things/x").differences == (".: 'Name' is missing",)
    assert check(both, b'{"Id": "x"}', path="/things/x").differences == ()
