"""Files as people have them, and files that mean harm."""

import io
import zipfile

import docx
import openpyxl
import pypdf

WINDS = (
    "The galerne is a north-west wind of western France. It comes suddenly on hot days.",
    "The mistral is a cold wind of the Rhone valley. It blows at up to 100 km/h.",
    "The tramontane passes between the Pyrenees and the Massif Central.",
)


def a_pdf(*pages: str) -> bytes:
    """A PDF with one line of text per page; an empty text leaves the page blank."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
    for n, text in enumerate(pages):
        words = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        stream = f"BT /F1 12 Tf 72 720 Td ({words}) Tj ET" if text else ""
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792]"
            f" /Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * n} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(data)
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    tail = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return data + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{tail}".encode()


def a_locked_pdf(*pages: str, password: str = "secret") -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(a_pdf(*pages)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
    return written(writer.write)


def a_docx() -> bytes:
    document = docx.Document()
    document.add_heading("Winds", level=1)
    document.add_paragraph(WINDS[0])
    document.add_heading("Of the south", level=2)
    document.add_paragraph(WINDS[1])
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("Wind", "Speed"), ("Mistral", "100")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    return written(document.save)


def an_xlsx(n_rows: int = 60) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Budget"
    sheet.append(["Item", "Amount", "Owner"])
    for n in range(1, n_rows):
        sheet.append([f"Item number {n}", n * 10, f"Owner of line {n}"])
    other = book.create_sheet("Notes")
    other.append(["A note on the harbour"])
    return written(book.save)


def a_bombed_docx(kind: str) -> bytes:
    """A DOCX that unpacks to more than anyone should read, or whose entities do."""
    bomb = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(a_docx())) as sound,
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for member in sound.infolist():
            content = sound.read(member)
            if member.filename == "word/document.xml" and kind == "entities":
                entities = "".join(
                    f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol"}">' for n in range(10)
                )
                content = content.replace(b"<w:document", f"<!DOCTYPE x [{entities}]><w:document".encode(), 1)
            archive.writestr(member.filename, content)
        if kind == "unpacks":
            with archive.open("word/media/huge.xml", "w", force_zip64=True) as member:
                for _ in range(400):
                    member.write(bytes(1_000_000))
        if kind == "members":
            for n in range(6_000):
                archive.writestr(f"word/media/{n}", b"")
    return bomb.getvalue()


def written(save) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()
