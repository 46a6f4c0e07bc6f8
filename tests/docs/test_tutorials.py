"""Runs the tutorial as a reader would: its commands in a shell, its programs in Python, a real daemon."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"
RUN = re.compile(r"^<!-- (run(?: in the background)?) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"<http://127\.0\.0\.1:4747(/\w*)>")
WORDS_OF_A_LANGUAGE = re.compile(r'(?<=galerne-mini )".*?"|(?<="content": )".*?"')


class Block(NamedTuple):
    how: str
    language: str
    text: str


def blocks(name: str) -> list[Block]:
    return [Block(*found) for found in RUN.findall((TUTORIALS / name).read_text(encoding="utf-8"))]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Reader:
    """Someone who follows the page in an empty folder beside the examples."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        (folder / "examples").symlink_to(ROOT / "examples")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GALERNE_")}
        self.environ = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GALERNE_HOME": str(folder / "home"),
            "GALERNE_PORT": str(self.port),
            "GALERNE_LANGUAGE": "en",
        }
        self.background: list[subprocess.Popen] = []

    def follow(self, block: Block) -> str:
        text = block.text.replace(":4747", f":{self.port}")
        if block.language == "python":
            return self.run([sys.executable, "-c", text])
        commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
        if block.how == "run":
            return "".join(self.run(["bash", "-c", command]) for command in commands)
        for command in commands:
            self.start(command)
        return ""

    def run(self, command: list[str]) -> str:
        result = subprocess.run(
            command, cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert result.returncode == 0, f"{command[-1]}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def start(self, command: str) -> None:
        process = subprocess.Popen(command.split(), cwd=self.folder, env=self.environ)
        self.background.append(process)
        for _ in range(600):
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            if self.answers("/health"):
                return
            time.sleep(0.1)
        raise AssertionError(f"{command} does not answer")

    def answers(self, path: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> list[int]:
        for process in self.background:
            process.send_signal(signal.SIGINT)
        return [process.wait(30) for process in self.background]


@contextmanager
def reader_in(folder: Path) -> Iterator[Reader]:
    reader = Reader(folder)
    try:
        yield reader
    finally:
        for process in reader.background:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.mark.timeout(400)  # half a minute alone on two cores; never a matter of speed
def test_the_first_hour_works_as_written(tmp_path):
    page = (TUTORIALS / "first-hour.md").read_text(encoding="utf-8")
    with reader_in(tmp_path) as reader:
        said = {block.text: reader.follow(block) for block in blocks("first-hour.md")}
        pages = ADDRESS.findall(page)
        assert pages == ["/", "/chain"]
        assert all(reader.answers(path) for path in pages)
        assert reader.stop() == [0]
    usage = next(text for block, text in said.items() if "galerne usage" in block)
    assert "add up to the meter" in usage
    assert '"adds_up": true' in usage
    assert any(text.startswith("final after 2 settlements") for text in said.values())
    assert (tmp_path / "essonne.html").stat().st_size > 10_000


def test_the_french_page_has_the_same_commands():
    def plain(name: str) -> list[tuple[str, str]]:
        page = (TUTORIALS / name).read_text(encoding="utf-8")
        return [(language, WORDS_OF_A_LANGUAGE.sub('"..."', text)) for language, text in BLOCK.findall(page)]

    assert plain("premiere-heure.md") == plain("first-hour.md")


def test_the_french_page_has_the_same_chapters():
    def chapters(name: str) -> list[str]:
        return re.findall(r"^## (\d+)?", (TUTORIALS / name).read_text(encoding="utf-8"), re.MULTILINE)

    assert chapters("premiere-heure.md") == chapters("first-hour.md")
