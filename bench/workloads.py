# SPDX-License-Identifier: MIT
"""What is run: the programs of bench/ and whole programs of the system."""

import os
import shutil
import socket
import subprocess
import tempfile
import time

from inputs import write_inputs
from runs import Running


class Program:
    """A program that ends by itself."""

    def __init__(self, build, name, text, command, threaded=False, environment=None):
        self.build, self.name, self.text, self.command = build, name, text, command
        self.threaded, self.environment = threaded, environment or {}

    def is_there(self):
        return shutil.which(self.command[0]) is not None

    def start(self, variant, cpu):
        return Running(self.build, self.command, variant, cpu, self.environment)


class RunningRedis:
    """A server and its clients, which are on another CPU and are not counted."""

    def __init__(self, build, requests, variant, cpu):
        self.directory = tempfile.TemporaryDirectory()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        self.server = Running(build, ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                                      "--dir", self.directory.name], variant, cpu)
        try:
            self.wait_for_server()
            self.client = subprocess.Popen(["redis-benchmark", "-p", self.port, *requests],
                                           stdout=subprocess.DEVNULL)
        except BaseException:
            self.server.stop()
            raise

    def wait_for_server(self):
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(self.port))) == 0:
                    return
            if time.monotonic() > deadline or self.server.process.poll() is not None:
                raise SystemExit("bench: redis-server does not listen")
            time.sleep(0.02)

    def server_pid(self):
        answer = subprocess.run(["redis-cli", "-p", self.port, "info", "server"], check=True, capture_output=True,
                                text=True).stdout
        return next(line.split(":")[1] for line in answer.split() if line.startswith("process_id:"))

    def stop(self):
        self.client.kill()
        self.client.wait()
        self.server.stop()

    def finish(self):
        if self.client.wait() != 0:
            raise SystemExit("bench: redis-benchmark failed")
        subprocess.run(["redis-cli", "-p", self.port, "shutdown", "nosave"], check=True, capture_output=True)
        result = self.server.finish()
        self.directory.cleanup()
        return result


class Redis:
    """CPU seconds of redis-server for a fixed number of requests."""

    name, text, threaded = "redis", "redis-server, 500,000 requests of four kinds", False

    def __init__(self, build, requests=125000):
        self.build = build
        self.requests = ["-n", str(requests), "-r", "100000", "-d", "100", "-P", "16", "-q", "-t",
                         "set,get,lpush,hset"]

    def is_there(self):
        return bool(shutil.which("redis-server") and shutil.which("redis-benchmark"))

    def start(self, variant, cpu):
        return RunningRedis(self.build, self.requests, variant, cpu)


def micro(build):
    """The table of bench/micro."""
    program = os.path.join(build, "bench", "micro")
    listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        name, kind, text = line.split("\t")
        yield Program(build, name, text, [program, name], kind == "threads")


def cfrac(build, *arguments):
    return Program(build, "cfrac", "factors a number with many tiny blocks",
                   [os.path.join(build, "bench", "cfrac"), *arguments])


def larson(build, generations=20):
    return Program(build, "larson", "a server's pattern, 2 threads",
                   [os.path.join(build, "bench", "larson"), "2", str(generations)], threaded=True)


def whole_programs(build, directory):
    """Programs of the system, with inputs in the directory."""
    inputs = write_inputs(directory)
    python = "/usr/bin/python3"
    yield Program(build, "sqlite3", "sqlite3: insert, index, join, update",
                  ["sqlite3", ":memory:", f".read {inputs['sql']}"])
    yield Program(build, "python3", "python3: dictionaries, strings, JSON", [python, "-S", inputs["py"]],
                  environment={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"})
    yield Redis(build)
    yield Program(build, "gs", "ghostscript: pages of curves and text",
                  ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=ppmraw", "-r100", "-sOutputFile=/dev/null",
                   inputs["ps"]])
    yield Program(build, "z3", "z3: pigeons and bit vectors", ["z3", inputs["smt2"]])
    yield Program(build, "g++", "g++: a file full of templates",
                  ["g++", "-std=c++17", "-O0", "-c", "-o", "/dev/null", inputs["cc"]])


def java(build, directory):
    inputs = write_inputs(directory)
    return Program(build, "java", "java: compiles a source and runs it", ["java", "-Xmx256m", inputs["java"]],
                   threaded=True)
