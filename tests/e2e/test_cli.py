# SPDX-License-Identifier: MIT
"""The command line: what it says and which status it gives when it cannot do what was asked."""

import os
import re
import shutil
import subprocess

import pytest

import leaks
from conftest import NOBODY

VERBS = re.findall(r"^  ([a-z]+) ", subprocess.run([leaks.MEMTRACE, "help"], capture_output=True, text=True, check=True,
                                                   timeout=180).stdout.split("Options:")[0], re.M)
HELLO = "int main(void) { return 0; }\n"


def assert_refused(done, *words, status=1):
    """One line, in the form what: why; way out."""
    assert done.returncode == status, done
    assert done.stdout == ""
    assert done.stderr.startswith("memtrace: ") and done.stderr.count("\n") == 1, done.stderr
    assert "; " in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_version(memtrace):
    for option in ("--version", "-V"):
        assert re.fullmatch(r"memtrace \d+\.\d+\.\d+\n", memtrace(option).stdout)


def test_overview_lists_every_verb(memtrace):
    texts = {memtrace("--help").stdout, memtrace("-h").stdout, memtrace("help").stdout}
    assert len(texts) == 1
    text = texts.pop()
    for verb in VERBS:
        assert re.search(rf"^  {verb} +\w", text, re.M)


def test_no_verb_is_a_usage_error(memtrace):
    done = memtrace()
    assert done.returncode == 2 and done.stdout == ""
    assert "Usage: memtrace VERB" in done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb(memtrace, verb):
    texts = {memtrace(verb, "--help").stdout, memtrace(verb, "-h").stdout, memtrace("help", verb).stdout}
    assert len(texts) == 1
    assert texts.pop().startswith(f"Usage: memtrace {verb} ")


@pytest.mark.parametrize("arguments, said", [
    (["reprot"], 'did you mean "memtrace report"?'),
    (["snapsot", "1"], 'did you mean "memtrace snapshot"?'),
    (["help", "atach"], 'did you mean "memtrace attach"?'),
    (["frobnicate"], '"memtrace help" lists them'),
    (["--frobnicate"], '"memtrace help" lists them'),
    (["run", "--ouput=x", "true"], "did you mean --output?"),
    (["report", "--fromat=json"], "did you mean --format?"),
    (["report", "--format=xml"], "text"),
    (["report", "--top=zero"], "--top"),
    (["report", "--min=1Q"], "a size such as 64K"),
    (["report", "--grep"], "--grep=REGEX"),
    (["attach", "--duration=soon", "1"], "a time such as 30s"),
    (["run", "--sample=most", "true"], "auto, all or"),
    (["run", "--sample=0", "true"], "auto, all or"),
    (["run", "--max-memory=1", "true"], "from 1M on"),
    (["run"], "[--] PROGRAM"),
    (["attach"], "PID"),
    (["attach", "1", "2"], '"2" is too much'),
    (["ps", "1"], '"1" is too much'),
])
def test_usage_errors(memtrace, arguments, said):
    assert_refused(memtrace(*arguments), said, status=2)


def test_no_output_is_lost_silently(memtrace):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = memtrace("help", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert "standard output: No space left on device" in done.stderr


# what run refuses before anything is started

def test_program_that_is_not_there(memtrace, tmp_path):
    assert_refused(memtrace("run", "./nothing-here"), "nothing-here", "no such program")
    assert_refused(memtrace("run", "no-such-program-anywhere"), "no such program")
    assert_refused(memtrace("run", tmp_path), "not executable")
    text = tmp_path / "text"
    text.write_text("hello\n")
    assert_refused(memtrace("run", text), "not executable")


def test_script_whose_interpreter_is_missing(memtrace, tmp_path):
    path = tmp_path / "script"
    path.write_text("#!/nowhere/interpreter\n")
    path.chmod(0o755)
    assert_refused(memtrace("run", path), "/nowhere/interpreter")


def test_static_program(memtrace, compile_c):
    assert_refused(memtrace("run", compile_c(HELLO, "-static")), "statically linked", "link it dynamically")


def test_program_for_musl(memtrace, compile_c):
    if not shutil.which("musl-gcc"):
        pytest.skip("musl-gcc is not installed")
    assert_refused(memtrace("run", compile_c(HELLO, compiler="musl-gcc")), "another C library", "musl")


def test_program_of_another_word_size(memtrace, compile_c, tmp_path):
    image = bytearray(compile_c(HELLO).read_bytes())
    image[4] = 1  # EI_CLASS: 32-bit
    path = tmp_path / "narrow"
    path.write_bytes(image)
    path.chmod(0o755)
    assert_refused(memtrace("run", path), "word size")


def test_program_of_another_machine(memtrace, compile_c, tmp_path):
    image = bytearray(compile_c(HELLO).read_bytes())
    image[18] = 243  # e_machine: RISC-V
    path = tmp_path / "foreign"
    path.write_bytes(image)
    path.chmod(0o755)
    assert_refused(memtrace("run", path), "another machine")


def test_setuid_program(memtrace, compile_c):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = compile_c(HELLO)
    os.chown(path, NOBODY, NOBODY)
    path.chmod(0o4755)
    assert_refused(memtrace("run", path), "set-user-ID")


def test_program_with_its_own_malloc(memtrace, compile_c):
    text = """
        #include <stdlib.h>
        static char pool[1 << 20]; static size_t used;
        void *malloc(size_t size) { void *block = pool + used; used += (size + 15) & ~15ul; return block; }
        void free(void *block) { }
        int main(void) { return !malloc(1); }
        """
    assert_refused(memtrace("run", compile_c(text, "-rdynamic")), "its own malloc", "--allocator=system does not help")


def test_allocator_that_is_not_there(memtrace):
    assert_refused(memtrace("run", "--allocator=libnothing.so.9", "true"), "libnothing.so.9", "fast, system")


def test_agent_that_is_not_there(memtrace, tmp_path):
    assert_refused(memtrace("run", "true", env=os.environ | {"MEMTRACE_AGENT": "/nowhere/agent.so"}),
                   "/nowhere/agent.so", "MEMTRACE_AGENT")
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "agent.so").write_bytes(b"")
    assert_refused(memtrace("run", "true", env=os.environ | {"MEMTRACE_AGENT": str(folder / "agent.so")}),
                   "blank or a colon")


def test_suppressions_that_cannot_be_used(memtrace, tmp_path):
    assert_refused(memtrace("run", "--suppressions=/nowhere", "true"), "/nowhere", "leak:PATTERN")
    path = tmp_path / "suppressions"
    path.write_text("leak:fine\nnonsense\n")
    assert_refused(memtrace("run", f"--suppressions={path}", "true"), "line 2", "leak:PATTERN")


# targets

def test_no_session_yet(memtrace):
    done = memtrace("report", env=os.environ | {"XDG_STATE_HOME": "/nowhere"})
    if "process" in done.stderr:
        pytest.skip("a process of this user has the agent at the moment")
    assert_refused(done, "no session yet", "memtrace run PROGRAM")


def test_targets_that_are_not_there(memtrace, tmp_path):
    assert_refused(memtrace("report", "4194304999"), "no such process")
    assert_refused(memtrace("report", "0"), "not a PID")
    assert_refused(memtrace("report", "nothing.memtrace"), "no such file")
    assert_refused(memtrace("report", tmp_path), "folder")
    for verb in ("attach", "snapshot", "detach"):
        assert_refused(memtrace(verb, "4194304"), "no such process")
        assert_refused(memtrace(verb, "name"), "is not a PID")


def test_files_that_are_no_sessions(memtrace, tmp_path):
    for name, content in (("empty", b""), ("text", b"hello\n"), ("noise", os.urandom(100000))):
        path = tmp_path / name
        path.write_bytes(content)
        assert_refused(memtrace("report", path), "not a session file")
    path = tmp_path / "core"
    path.write_bytes(b"\177ELF\2\1\1" + bytes(9) + b"\4\0" + bytes(100))
    assert_refused(memtrace("report", path), "core file")


def test_process_without_the_agent(memtrace):
    assert_refused(memtrace("detach", os.getpid()), "has no agent", "memtrace run PROGRAM")


def test_process_of_another_user(as_nobody):
    _, tool, user = as_nobody
    for verb in ("report", "attach", "snapshot", "detach"):
        done = subprocess.run([tool, verb, str(os.getpid())], capture_output=True, text=True, check=False, **user)
        assert_refused(done, "belongs to another user (uid 0)", "as root")
    done = subprocess.run([tool, "attach", "--no-inject", str(os.getpid())], capture_output=True, text=True, check=False,
                          **user)
    assert_refused(done, "belongs to another user (uid 0)", "as root")


HOSTILE = """
import ctypes, mmap, os, struct, sys
fd = os.memfd_create("memtrace-region")
content = eval(sys.argv[1])
os.ftruncate(fd, max(len(content), 1))
os.pwrite(fd, content, 0)
region = mmap.mmap(fd, max(len(content), 1))
os.close(fd)
print("ready", flush=True)
sys.stdin.read()
"""
MAGIC = (0x65636172746d656d).to_bytes(8, "little")


@pytest.mark.parametrize("content", [
    "b''",
    "os.urandom(1 << 16)",
    f"{MAGIC!r} + os.urandom(1 << 16)",
    f"{MAGIC!r} + struct.pack('<II', 1, 4096) + bytes(16) + struct.pack('<Q', 1 << 62) + b'\\xff' * 65536",
    f"{MAGIC!r} + struct.pack('<II', 99, 4096) + bytes(65536)",
    f"{MAGIC!r} + struct.pack('<IIQQ', 1, 4096, 0, 1) + bytes(65536)",
])
def test_hostile_region(memtrace, script, content):
    with subprocess.Popen([*script(HOSTILE), content], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        for verb in ("report", "snapshot", "attach"):
            done = memtrace(verb, process.pid)
            assert done.returncode in (0, 1) and "Sanitizer" not in done.stderr, done.stderr
            if done.returncode == 1:
                assert_refused(done, str(process.pid))
        assert str(process.pid) in memtrace("ps").stdout
        process.stdin.close()
        assert process.wait(timeout=180) == 0


HANDS_OVER = """
import array, os, socket, sys
name = b"\\0" + os.environb[b"MEMTRACE_SOCKET"]
for text, content in ((b"MTREGION", b""), (b"MTREGION", os.urandom(1 << 16)), (b"NONSENSE", b""), (b"MT", b"")):
    fd = os.memfd_create("memtrace-region")
    os.write(fd, content)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(name)
        socket.send_fds(s, [text], [fd])
with socket.socket(socket.AF_UNIX) as s:
    s.connect(name)
silent = socket.socket(socket.AF_UNIX)
silent.connect(name)
sys.exit(5)
"""


def test_hostile_handover(memtrace, script):
    done = memtrace("run", *script(HANDS_OVER))
    assert done.returncode == 5, done.stderr
    assert "no usable region" in done.stderr


def test_ps_lists_the_biggest_without_the_agent(memtrace):
    header, *lines = memtrace("ps", "--top=3").stdout.splitlines()
    assert header.split() == ["PID", "RESIDENT", "LIVE", "AGENT", "COMMAND"]
    place = header.index("AGENT")
    without = [line for line in lines if line[place:].startswith("- ")]
    assert 1 <= len(without) <= 3 and without == lines[-len(without):]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take /proc away")
@pytest.mark.parametrize("arguments", [["run", "/bin/true"], ["ps"], ["report", "1"], ["attach", "1"],
                                       ["snapshot", "1"], ["detach", "1"]])
def test_without_proc(memtrace, arguments):
    command = ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("/proc cannot be taken away here")
    done = subprocess.run([*command, leaks.MEMTRACE, *arguments], capture_output=True, text=True, check=False)
    assert_refused(done, "/proc is not mounted", "mount -t proc proc /proc")


@pytest.mark.parametrize("name", ["memtrace-" + verb for verb in VERBS])
def test_man_page_has_exactly_the_options_of_help(memtrace, name):
    page = os.path.join(os.path.dirname(__file__), "..", "..", "man", name + ".1")
    with open(page, encoding="utf-8") as file:
        text = file.read()
    described = set(re.findall(r"^\.It (?:Fl \w , )?Fl Fl ([\w-]+)", text, re.M))
    letters = set(re.findall(r"^\.It Fl (\w) , Fl Fl", text, re.M))
    help_text = memtrace(name.removeprefix("memtrace-"), "--help").stdout
    assert described == set(re.findall(r"^  (?:-\w, |    )--([\w-]+)", help_text, re.M))
    assert letters == set(re.findall(r"^  -(\w), --", help_text, re.M))


def test_man_pages_are_clean():
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    folder = os.path.join(os.path.dirname(__file__), "..", "..", "man")
    pages = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".1")]
    assert len(pages) == len(VERBS) + 1
    done = subprocess.run(["mandoc", "-Tlint", *pages], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stdout.splitlines() if "referenced manual not found" not in line]
    assert not complaints, "\n".join(complaints)


