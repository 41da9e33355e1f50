"""What a file that is not safetensors looks like, from its first bytes.

Nothing is decoded, unpacked or unpickled: the answer is a sentence for a person.
"""

from __future__ import annotations

import re

SNIFF_BYTES = 512

_CONVERT = "convert it to safetensors first"
_PICKLE = f"it can run code when loaded, so it is never opened here; {_CONVERT}"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"GGUF", f"a GGUF file (llama.cpp); {_CONVERT}, or name the original checkpoint"),
    (b"lmgg", f"a GGML file (llama.cpp); {_CONVERT}"),
    (b"PK\x03\x04", f"a zip archive, as torch.save writes: a PyTorch pickle; {_PICKLE}"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x89HDF\r\n\x1a\n", f"an HDF5 file (Keras); {_CONVERT}"),
    (b"\x93NUMPY", "a NumPy .npy array; load it with numpy.load and pass the array"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"\xfd7zXZ\x00", "an xz archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (b"\x7fELF", "an executable"),
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer, the placeholder of a file that was not downloaded; run 'git lfs pull'",
    ),
)
# The start of a safetensors header, eight bytes into the file. Where it is there, the bytes before
# it are a length, whatever else they may spell.
_HEADER = re.compile(rb"[ \t\n\r]*+\{[ \t\n\r]*+[\"}]")
_PICKLE_START = re.compile(rb"\x80[\x02-\x05][^\x00]", re.DOTALL)
_HTML = (b"<!doctype html", b"<html", b"<head", b"<?xml")


def describe_foreign(head: bytes, file_size: int) -> str | None:
    """Name the kind of a file that is not safetensors.

    Parameters
    ----------
    head : bytes
        The first bytes of the file, up to `SNIFF_BYTES`.
    file_size : int
        Length of the whole file in bytes.

    Returns
    -------
    str or None
        A noun phrase with advice, to follow "looks like"; None if nothing is recognised.
    """
    if _HEADER.match(head, 8):
        if 2 <= int.from_bytes(head[:8], "big") <= file_size - 8:
            return (
                "a safetensors file whose header length is big-endian; the format wants "
                "little-endian, so the program that wrote it is at fault"
            )
        return None
    for magic, meaning in _MAGIC:
        if head.startswith(magic):
            return meaning
    # Pickle protocols 2 to 5 start with their number. The same two bytes open a header length of
    # 640 to 1408, but then a zero follows, which is no opcode of pickle.
    if _PICKLE_START.match(head):
        return f"a Python pickle, as old versions of torch.save write; {_PICKLE}"
    if head[257:262] == b"ustar":
        return "a tar archive; unpack it first"
    if b"\x00" in head[:8]:
        return None
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_HTML):
        return "an HTML page, perhaps a login or error page saved in place of the file"
    if start[:1] in (b"{", b"["):
        return "a JSON text, not a file of weights"
    if head and all(byte in b"\t\n\r\f" or 0x20 <= byte < 0x7F for byte in head):
        return "a text file"
    return None
