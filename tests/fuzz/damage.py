"""What happens to files on their way: cut, repeated, swapped, corrupted, renamed, told in another unit."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np

Damage = Callable[[Path, np.random.Generator], None]

ALIASES = {"TP53": "P53", "EGFR": "ERBB1", "KMT2A": "MLL", "CD274": "PDL1", "PDCD1": "PD1", "STK11": "LKB1"}
STRANGE_NAMES = ("2-Sep", "1-Mar", "Trp53", "kras", "TP 53", "not a gene", "7157", "ENSG00000141510.18", "")
PAGES = (
    b"<!DOCTYPE html><html><body>Sign in</body></html>\n",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    b"",
    b"\n\n",
)


def is_text_table(path: Path) -> bool:
    """True for rows and columns; meta files and panels are lines of another form."""
    panel = path.name.startswith("data_gene_panel_") and "matrix" not in path.name
    return path.suffix in (".txt", ".tsv", ".csv") and not path.name.startswith("meta_") and not panel


def separator_of(path: Path) -> bytes:
    return b"," if path.suffix == ".csv" else b"\t"


def split(path: Path) -> tuple[list[bytes], list[bytes]]:
    """Comments and header; the rows."""
    lines = path.read_bytes().splitlines(keepends=True)
    head = next((n for n, line in enumerate(lines) if not line.startswith(b"#")), 0) + 1
    return lines[:head], lines[head:]


def cut(path: Path, rng: np.random.Generator) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(rng.integers(len(data)))])


def cut_after_a_row(path: Path, rng: np.random.Generator) -> None:
    head, rows = split(path)
    path.write_bytes(b"".join(head + rows[: int(rng.integers(len(rows)))]))


def remove_a_row(path: Path, rng: np.random.Generator) -> None:
    head, rows = split(path)
    del rows[int(rng.integers(len(rows)))]
    path.write_bytes(b"".join(head + rows))


def repeat_a_row(path: Path, rng: np.random.Generator) -> None:
    head, rows = split(path)
    rows.insert(int(rng.integers(len(rows))), rows[int(rng.integers(len(rows)))])
    path.write_bytes(b"".join(head + rows))


def repeat_a_column(path: Path, rng: np.random.Generator) -> None:
    change_columns(path, lambda cells, at: [*cells, cells[at]], rng)


def remove_a_column(path: Path, rng: np.random.Generator) -> None:
    change_columns(path, lambda cells, at: cells[:at] + cells[at + 1 :], rng)


def change_columns(
    path: Path, change: Callable[[list[bytes], int], list[bytes]], rng: np.random.Generator
) -> None:
    head, rows = split(path)
    mark = separator_of(path)
    at = int(rng.integers(1, len(head[-1].split(mark))))
    lines = [line.rstrip(b"\n").split(mark) for line in (head[-1], *rows)]
    if any(b'"' in cell for line in lines for cell in line):  # a quoted comma: leave its last columns alone
        at = min(at, 5)
    body = b"".join(mark.join(change(line, min(at, len(line) - 1))) + b"\n" for line in lines)
    path.write_bytes(b"".join(head[:-1]) + body)


def swap_two_names(path: Path, rng: np.random.Generator) -> None:
    head, rows = split(path)
    mark = separator_of(path)
    names = head[-1].rstrip(b"\n").split(mark)
    one, two = rng.choice(len(names), size=2, replace=False)
    names[one], names[two] = names[two], names[one]
    path.write_bytes(b"".join([*head[:-1], mark.join(names) + b"\n", *rows]))


def swap_two_cells(path: Path, rng: np.random.Generator) -> None:
    def swapped(cells: list[bytes]) -> list[bytes]:
        one, two = rng.choice(len(cells), size=2, replace=False)
        cells[one], cells[two] = cells[two], cells[one]
        return cells

    change_a_row(path, swapped, rng)


def shift_a_row(path: Path, rng: np.random.Generator) -> None:
    change_a_row(path, lambda cells: [b"", *cells], rng)


def change_a_row(path: Path, change: Callable[[list[bytes]], list[bytes]], rng: np.random.Generator) -> None:
    head, rows = split(path)
    at, mark = int(rng.integers(len(rows))), separator_of(path)
    rows[at] = mark.join(change(rows[at].rstrip(b"\n").split(mark))) + b"\n"
    path.write_bytes(b"".join(head + rows))


def corrupt_a_byte(path: Path, rng: np.random.Generator) -> None:
    data = bytearray(path.read_bytes())
    data[int(rng.integers(len(data)))] = int(rng.integers(256))
    path.write_bytes(bytes(data))


def flip_a_bit(path: Path, rng: np.random.Generator) -> None:
    data = bytearray(path.read_bytes())
    data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(data))


def remove_a_byte(path: Path, rng: np.random.Generator) -> None:
    data = path.read_bytes()
    at = int(rng.integers(len(data)))
    path.write_bytes(data[:at] + data[at + 1 :])


def insert_a_byte(path: Path, rng: np.random.Generator) -> None:
    data = path.read_bytes()
    at = int(rng.integers(len(data)))
    path.write_bytes(data[:at] + bytes([int(rng.integers(256))]) + data[at:])


def rename_a_gene(path: Path, rng: np.random.Generator) -> None:
    data = path.read_bytes()
    present = [gene for gene in ALIASES if gene.encode() in data]
    old = present[int(rng.integers(len(present)))] if present else "TP53"
    new = rng.choice([ALIASES[old], *STRANGE_NAMES, "KRAS", "BRCA2"])
    path.write_bytes(data.replace(old.encode(), str(new).encode(), 1))


def replace_by_a_page(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(PAGES[int(rng.integers(len(PAGES)))])


def remove_the_file(path: Path, rng: np.random.Generator) -> None:
    path.unlink()


def save_as_utf16(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(path.read_bytes().decode().encode("utf-16"))


def use_the_other_separator(path: Path, rng: np.random.Generator) -> None:
    mark = separator_of(path)
    path.write_bytes(path.read_bytes().replace(mark, b"\t" if mark == b"," else b","))


def write_decimal_commas(path: Path, rng: np.random.Generator) -> None:
    head, rows = split(path)
    path.write_bytes(b"".join(head) + b"".join(rows).replace(b".", b","))


def cut_a_gzip(path: Path, rng: np.random.Generator) -> None:
    data = gzip.compress(path.read_bytes(), mtime=0)
    path.write_bytes(data[: int(rng.integers(3, len(data)))])


def change_numbers(path: Path, change: Callable[[float], float], columns: slice = slice(1, None)) -> None:
    """Tell the numbers of some columns in another unit."""
    head, rows = split(path)
    mark = separator_of(path)

    def told(cell: bytes) -> bytes:
        try:
            return f"{change(float(cell)):.6g}".encode()
        except ValueError:
            return cell

    lines = [row.rstrip(b"\n").split(mark) for row in rows]
    for cells in lines:
        cells[columns] = [told(cell) for cell in cells[columns]]
    path.write_bytes(b"".join(head) + b"".join(mark.join(cells) + b"\n" for cells in lines))


def column_of(path: Path, name: bytes) -> slice:
    at = split(path)[0][-1].rstrip(b"\n").split(separator_of(path)).index(name)
    return slice(at, at + 1)


def change_the_unit(path: Path, rng: np.random.Generator) -> None:
    """Of whatever this file holds: the unit is no longer the declared one, and everybody can see it."""
    name = path.name
    if "expression" in name:
        changes: list[Callable[[float], float]] = [
            lambda value: 2.0**value * 20 - 1,
            lambda value: float(np.log2(np.log2(value + 1) + 1)),
            lambda value: value - 6.0,
        ]
        change_numbers(path, changes[int(rng.integers(len(changes)))])
    elif "methylation" in name:
        change_numbers(path, lambda value: value * 100)
    elif "copy_number" in name or "cna" in name:
        change_numbers(path, [lambda value: value + 2.3, lambda value: value * 3][int(rng.integers(2))])
    elif name == "data_clinical_patient.txt":
        months = rng.integers(2) == 0
        column, factor = (b"OS_MONTHS", 30.4) if months else (b"AGE", 365.25)
        change_numbers(path, lambda value: value * factor, column_of(path, column))
    elif name == "clinical.csv":
        change_numbers(path, lambda value: value * 365.25, column_of(path, b"age"))
    else:
        replace_by_a_page(path, rng)


def shuffle_rows(path: Path, rng: np.random.Generator) -> None:
    head, rows = split(path)
    rng.shuffle(rows)
    path.write_bytes(b"".join(head + rows))


def shuffle_columns(path: Path, rng: np.random.Generator) -> None:
    head, rows = split(path)
    mark = separator_of(path)
    lines = [line.rstrip(b"\n").split(mark) for line in (head[-1], *rows)]
    width = len(lines[0])
    if all(len(line) == width for line in lines):  # not where a quoted cell holds the mark
        order = rng.permutation(width)
        body = b"".join(mark.join(line[at] for at in order) + b"\n" for line in lines)
        path.write_bytes(b"".join(head[:-1]) + body)


def end_lines_as_windows_does(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def begin_with_a_byte_order_mark(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def pack_with_gzip(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def leave_out_the_last_newline(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(path.read_bytes().rstrip(b"\n"))


# Nothing is lost: the same cohort must be read.
HARMLESS: tuple[Damage, ...] = (
    shuffle_rows,
    shuffle_columns,
    end_lines_as_windows_does,
    begin_with_a_byte_order_mark,
    pack_with_gzip,
    leave_out_the_last_newline,
)
# Everybody can see it: something must be told.
PLAIN: tuple[Damage, ...] = (
    replace_by_a_page,
    remove_the_file,
    save_as_utf16,
    use_the_other_separator,
    cut_a_gzip,
    change_the_unit,
    repeat_a_column,
    shift_a_row,
)
# May leave a file that says something else, perfectly well: then what it says must be read, and nothing else.
OPEN: tuple[Damage, ...] = (
    cut,
    cut_after_a_row,
    remove_a_row,
    repeat_a_row,
    remove_a_column,
    swap_two_names,
    swap_two_cells,
    corrupt_a_byte,
    flip_a_bit,
    remove_a_byte,
    insert_a_byte,
    rename_a_gene,
    write_decimal_commas,
)
# For files that carry checksums.
BYTES: tuple[Damage, ...] = (
    cut,
    corrupt_a_byte,
    flip_a_bit,
    remove_a_byte,
    insert_a_byte,
    remove_the_file,
    replace_by_a_page,
)
