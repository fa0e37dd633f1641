"""Bytes in several pieces."""

from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.large import PIECE, Gathering, Segments


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(-5, 99), st.integers(-5, 99))
def test_they_read_like_bytes(pieces: list[bytes], start: int, stop: int) -> None:
    found, whole = Segments(pieces), b"".join(pieces)
    assert (len(found), bytes(found), found[start:stop], found[:]) == (len(whole), whole, whole[start:stop], whole)
    assert b"".join(found.views(0, len(whole))) == whole


@given(st.lists(st.sampled_from([b"", b"a", b"bc" * 20_000, b"d" * PIECE, b"e" * (3 * PIECE)]), max_size=9))
def test_small_pieces_are_put_together(pieces: list[bytes]) -> None:
    gathering = Gathering()
    for piece in pieces:
        gathering.add(piece)
    found = gathering.whole()
    assert bytes(found) == b"".join(pieces)
    sizes = [len(view) for view in found.views(0, len(found))]
    assert all(
        size >= PIECE or index + 1 == len(sizes) or sizes[index + 1] >= PIECE for index, size in enumerate(sizes)
    )
