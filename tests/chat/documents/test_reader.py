"""Files are read in a process that may do little: what it gives back, and every reason not to."""

import asyncio
import dataclasses
import json
import subprocess
import sys

import pytest

from galerne import errors
from galerne.chat.documents.extract import extract
from galerne.chat.documents.limits import LARGEST_DOCUMENT_BYTES, Limits
from galerne.chat.documents.reader import DocumentReader
from galerne.chat.documents.records import DocumentKind, Position
from tests.chat.documents import files
from tests.chat.documents.files import WINDS


def read(content, *, name="file", limits=None):
    """In this process: the same code, without the price of another."""
    return extract(content, name=name, limits=limits or Limits())


def read_apart(content, *, name="file", **limits):
    reader = DocumentReader(dataclasses.replace(Limits(), **limits))
    return asyncio.run(reader.read(content, name=name))


def texts(reading):
    return [piece.text for piece in reading.pieces]


def test_a_pdf_keeps_its_pages():
    reading = read_apart(files.a_pdf(*WINDS), name="winds.pdf")
    assert (reading.kind, reading.n_pages) == (DocumentKind.PDF, 3)
    assert [piece.position.page for piece in reading.pieces] == [1, 2, 3]
    assert texts(reading) == list(WINDS)


def test_a_docx_keeps_its_headings_and_tables():
    reading = read_apart(files.a_docx(), name="winds.docx")
    found = {piece.text: piece.position.heading for piece in reading.pieces}
    assert found[WINDS[0]] == "Winds"
    assert found[WINDS[1]] == "Winds / Of the south"
    assert found["Mistral | 100"] == "Winds / Of the south"


def test_an_xlsx_keeps_its_sheets_and_rows():
    reading = read_apart(files.an_xlsx(5), name="b.xlsx")
    assert reading.pieces[0].text == "Item | Amount | Owner"
    assert reading.pieces[1].position == Position(sheet="Budget", first_row=2, last_row=2)
    assert reading.pieces[-1].position.sheet == "Notes"


def test_markdown_keeps_its_headings_and_its_code_whole():
    reading = read(b"# A\nintro\n\n## B\n```\n# not a heading\n\ncode\n```\n", name="a.md")
    assert [(piece.text, piece.position.heading) for piece in reading.pieces] == [
        ("# A\nintro", "A"),
        ("## B\n```\n# not a heading\n\ncode\n```", "A / B"),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_is_read_whatever_separates_its_fields(separator):
    content = "\n".join(separator.join(row) for row in (["wind", "speed"], ["mistral", "100"])).encode()
    assert texts(read(content, name="a.csv")) == ["wind | speed", "mistral | 100"]


def test_html_gives_what_a_reader_sees():
    page = (
        "<html><head><title>T</title><style>b{}</style></head><body><h1>Winds</h1><script>alert(1)</script>"
        "<p>One <b>wind</b><p>Two<table><tr><td>a<td>b</table><p hidden>unseen<p style='display: none'>unseen"
        "<!-- unseen --><textarea>kept</textarea>"
    )
    found = texts(read(page.encode()))
    assert "One wind" in found
    assert "a | b" in found
    assert not [text for text in found if "unseen" in text or "alert" in text]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("déjà vu".encode(), "déjà vu"),
        ("déjà vu".encode("utf-16"), "déjà vu"),
        ("déjà vu".encode("cp1252"), "déjà vu"),
        (b"\xef\xbb\xbfmark", "mark"),
    ],
)
def test_text_is_read_in_the_encodings_people_have(content, text):
    assert texts(read(content, name="a.txt")) == [text]


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (files.a_pdf("x"), "invoice.txt", DocumentKind.PDF),
        (b"<!doctype html><p>hi", "invoice.pdf", DocumentKind.HTML),
        (files.a_docx(), "table.xlsx", DocumentKind.DOCX),
        (b"just words", "program.exe", DocumentKind.TEXT),
        (b"a,b\n1,2", "table.csv", DocumentKind.CSV),
    ],
)
def test_a_file_is_what_its_bytes_say(content, name, kind):
    assert read(content, name=name).kind is kind


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        (b"", errors.DocumentUnsupported),
        (b"\x7fELF\x02\x01\x01\0", errors.DocumentUnsupported),
        (b"\x89PNG\r\n\x1a\n\0\0", errors.DocumentUnsupported),
        (b"MZ\x90\0\x03\0\0\0", errors.DocumentUnsupported),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), errors.DocumentUnsupported),
        (bytes(range(256)) * 8, errors.DocumentUnsupported),
        (b"PK\x03\x04 not an archive", errors.DocumentUnreadable),
        (b"%PDF-1.7\n" + b"garbage " * 50, errors.DocumentUnreadable),
        (files.a_docx()[:-300], errors.DocumentUnreadable),
        (files.a_locked_pdf("hidden"), errors.DocumentEncrypted),
        (files.a_pdf("", "", ""), errors.DocumentWithoutText),
        (b"<html><script>only()</script></html>", errors.DocumentWithoutText),
        (files.a_bombed_docx("entities"), errors.DocumentUnreadable),
        (files.a_bombed_docx("members"), errors.DocumentTooLarge),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(content, failure):
    with pytest.raises(failure):
        read(content)


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked():
    with pytest.raises(errors.DocumentTooLarge) as told:
        read(files.a_bombed_docx("unpacks"))
    assert told.value.found > told.value.limit


@pytest.mark.parametrize(
    ("content", "limits", "what"),
    [
        (files.a_pdf(*["x"] * 12), {"n_pages": 10}, "pages"),
        (b"word " * 400, {"n_characters": 1000}, "characters"),
        (files.an_xlsx(40), {"n_cells": 100}, "cells"),
    ],
)
def test_more_than_the_limit_names_the_limit(content, limits, what):
    with pytest.raises(errors.DocumentTooLarge) as told:
        read(content, limits=dataclasses.replace(Limits(), **limits))
    assert told.value.what == what
    assert told.value.limit == next(iter(limits.values()))


def test_a_failure_comes_back_from_the_process_as_it_was():
    with pytest.raises(errors.DocumentWithoutText) as told:
        read_apart(files.a_pdf("", ""))
    assert told.value.n_pages == 2


def test_too_many_bytes_are_not_even_handed_over():
    with pytest.raises(errors.DocumentTooLarge):
        read_apart(bytes(LARGEST_DOCUMENT_BYTES + 1))


def test_a_reading_that_takes_too_long_is_killed():
    with pytest.raises(errors.ExtractionOverrun) as told:
        read_apart(b"words", wall_s=0.001)
    assert told.value.resource == "seconds"


def test_a_reading_that_takes_too_much_memory_ends():
    with pytest.raises((errors.ExtractionOverrun, errors.DocumentUnreadable)):
        read_apart(b"word\n\n" * 4_000_000, memory_bytes=200_000_000, n_characters=10**9)


FORBIDDEN = """
import os, socket, subprocess, sys
from galerne.chat.documents.child import confine
from galerne.chat.documents.limits import Limits
confine(Limits())
def tried(action):
    try:
        action()
    except (PermissionError, OSError) as error:
        return type(error).__name__
    return "done"
print([tried(action) for action in (
    lambda: socket.create_connection(("127.0.0.1", 9)),
    lambda: subprocess.run(["true"]),
    lambda: os.system("true"),
    lambda: open("{path}", "w"),
    lambda: os.fork(),
    lambda: os.remove("{path}"),
)])
"""


def test_the_process_can_neither_reach_out_nor_write_nor_start_programs(tmp_path):
    script = FORBIDDEN.replace("{path}", str(tmp_path / "x"))
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout.replace("'", '"')) == ["PermissionError"] * 6
    assert list(tmp_path.iterdir()) == []
