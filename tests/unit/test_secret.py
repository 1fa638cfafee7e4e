"""Secrets: only by reference in the file, masked everywhere, revealed on purpose."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import msgspec
import pytest

from runtime.config import Problem, Secret, check, load

CANARY = "canary-5f2a9c"


class Root(msgspec.Struct, frozen=True):
    token: Secret
    spare: Secret | None = None


def the_problem(text: str, env: dict[str, str] | None = None, directory: Path | None = None) -> Problem:
    (problem,) = check(text, Root, env or {}, directory=directory)
    assert CANARY not in str(problem)
    return problem


def write(tmp_path: Path, content: bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_literal_secret_is_a_problem_that_says_how_to_write_it() -> None:
    """The sentence teaches both ways, and does not repeat the secret."""
    problem = the_problem(f'token = "{CANARY}"\n')
    assert problem.path == "token"
    assert problem.line == 1
    assert 'write "env:NAME"' in problem.sentence
    assert 'write "file:path"' in problem.sentence


@pytest.mark.parametrize("value", ["5", "[]", "{}", '""', '"env:"', '"file:"', '"ENV:X"', "true"])
def test_what_is_no_reference_is_refused(value: str) -> None:
    """Other types, empty names and other spellings get the same help."""
    assert "never written here" in the_problem(f"token = {value}\n").sentence


def test_a_secret_comes_from_the_environment() -> None:
    """White space around it, the usual accident of copying, is dropped."""
    assert check('token = "env:TOKEN"\n', Root, {"TOKEN": f" {CANARY}\n"}) == []


@pytest.mark.parametrize(("env", "state"), [({}, "not set"), ({"TOKEN": ""}, "empty"), ({"TOKEN": " \n"}, "empty")])
def test_a_missing_or_empty_variable_is_a_problem(env: dict[str, str], state: str) -> None:
    """The variable is named, since that is what has to be set."""
    sentence = the_problem('token = "env:TOKEN"\n', env).sentence
    assert sentence == f"the environment variable TOKEN is {state}; set it to the secret"


def test_a_secret_comes_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    """A relative path starts at the configuration file, wherever the process was started."""
    write(tmp_path, f"{CANARY}\n".encode())
    (tmp_path / "seamline.toml").write_text('token = "file:token"\n')
    assert load(tmp_path / "seamline.toml", Root, {}).token.reveal() == CANARY


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o601])
def test_a_file_open_to_others_is_a_problem(tmp_path: Path, mode: int) -> None:
    """Anybody on the machine could have read it, so it is not secret any more."""
    path = write(tmp_path, CANARY.encode(), mode)
    sentence = the_problem(f'token = "file:{path}"\n').sentence
    assert "chmod o-rwx" in sentence


def test_a_file_of_the_group_is_allowed(tmp_path: Path) -> None:
    """Orchestrators hand secrets over by group; that is not everybody."""
    path = write(tmp_path, CANARY.encode(), 0o440)
    assert check(f'token = "file:{path}"\n', Root, {}) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"\n ", "is empty"), (b"\xff\xfe", "not UTF-8"), (b"x" * 65_537, "larger than 65536")],
)
def test_a_file_without_a_usable_secret_is_a_problem(tmp_path: Path, content: bytes, words: str) -> None:
    """Each way of being unusable has its own words."""
    path = write(tmp_path, content)
    assert words in the_problem(f'token = "file:{path}"\n').sentence


def test_an_absent_file_a_directory_and_a_pipe_are_problems(tmp_path: Path) -> None:
    """None of them may block or crash the start."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "cannot be read" in the_problem('token = "file:absent"\n', directory=tmp_path).sentence
    assert "not a regular file" in the_problem('token = "file:."\n', directory=tmp_path).sentence
    assert "not a regular file" in the_problem('token = "file:pipe"\n', directory=tmp_path).sentence


def test_an_override_is_a_reference_too() -> None:
    """A literal in `SEAMLINE__TOKEN` is refused like one in the file."""
    env = {"SEAMLINE__TOKEN": CANARY, "OTHER": "x"}
    assert "never written here" in the_problem('token = "env:OTHER"\n', env).sentence
    assert check('token = "env:ABSENT"\n', Root, env | {"SEAMLINE__TOKEN": "env:OTHER"}) == []


def test_a_secret_shows_itself_to_nobody() -> None:
    """Printing, formatting, encoding and pickling do not give it away."""
    secret = Secret(CANARY, "env:TOKEN")
    root = Root(secret)
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{secret:>40}", repr(root), str([secret])):
        assert CANARY not in text
    assert str(secret) == "***"
    with pytest.raises(TypeError):
        msgspec.json.encode(root)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret.reveal() == CANARY


def test_secrets_compare_by_value() -> None:
    """Two references to one value are the same secret."""
    assert Secret("a", "env:X") == Secret("a", "env:Y")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("é") != Secret("b")
