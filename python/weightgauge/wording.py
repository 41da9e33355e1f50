"""Numbers with the nouns and verbs that agree with them."""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun, which agrees with it.

    Parameters
    ----------
    number : int
        How many there are.
    one, several : str
        The noun for one, and for more if that is not the same with an "s".

    Examples
    --------
    >>> counted(1, "tensor"), counted(1200, "tensor"), counted(2, "bias", "biases")
    ('1 tensor', '1,200 tensors', '2 biases')
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def agreeing(number: int, one: str = "is", several: str = "are") -> str:
    """Return the verb, or another word, that agrees with a number.

    Examples
    --------
    >>> agreeing(1), agreeing(0), agreeing(1, "lies", "lie"), agreeing(2, "lies", "lie")
    ('is', 'are', 'lies', 'lie')
    """
    return one if number == 1 else several


def none_of(number: int, one: str, several: str = "") -> str:
    """Say that no one of several things is something, or that the only one is not.

    Examples
    --------
    >>> none_of(5, "tensor"), none_of(1, "tensor")
    ('none of the 5 tensors is', 'the one tensor is not')
    """
    if number == 1:
        return f"the one {one} is not"
    return f"none of the {counted(number, one, several)} is"
