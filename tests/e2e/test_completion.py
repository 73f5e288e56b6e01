# SPDX-License-Identifier: MIT
"""The shell completes what the tool has: verbs, options, choices, processes, sessions."""

import os
import shutil
import subprocess

import pytest

import leaks

SCRIPTS = os.path.join(os.path.dirname(__file__), "..", "..", "completions")


def complete(*words, cwd=None):
    """What bash offers for the last word, which may be empty. An option's "=" is a word of its own, as in bash."""
    script = f"""
        source {SCRIPTS}/memtrace.bash
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _memtrace memtrace "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = os.path.dirname(leaks.MEMTRACE) + ":" + os.environ["PATH"]
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", "memtrace", *words], capture_output=True, text=True,
                          check=True, timeout=180, cwd=cwd, env=os.environ | {"PATH": path})
    assert done.stderr == ""
    return set(done.stdout.split())


def test_verbs():
    assert {"run", "report", "top", "attach", "--help"} <= complete("")
    assert complete("sna") == {"snapshot"}


def test_options_of_a_verb():
    options = complete("report", "--")
    assert {"--format=", "--top=", "--no-symbolize", "--help"} <= options
    assert complete("report", "--forma") == {"--format="}
    assert "--fail-on-leak=" in complete("run", "--fail")


@pytest.mark.parametrize("option,choices", [("--sort", {"live", "growth", "allocated", "blocks", "age"}),
                                            ("--color", {"auto", "always", "never"})])
def test_choices_of_an_option(option, choices):
    assert complete("report", option, "=") == choices
    assert complete("report", option, "=", "a") == {choice for choice in choices if choice[0] == "a"}


def test_processes_and_sessions(tmp_path):
    (tmp_path / "app.memtrace").write_text("")
    (tmp_path / "other.txt").write_text("")
    offered = complete("report", "", cwd=tmp_path)
    assert "app.memtrace" in offered
    assert "other.txt" not in offered
    assert str(os.getpid()) in offered
    assert str(os.getpid()) in complete("attach", str(os.getpid())[:2])


def test_zsh_takes_the_script():
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    subprocess.run(["zsh", "-n", os.path.join(SCRIPTS, "_memtrace")], check=True, timeout=180)
