"""Which of the words that patients' cells hold a message may show: those that several samples share."""

from __future__ import annotations

from collections.abc import Mapping

from metarisk.errors import first_ten

# A word of fewer samples may tell who they are.
FEWEST_SAMPLES = 5


def words_of_many(samples_of: Mapping[str, int]) -> str:
    """`` (word, another)``, the commonest first, of words that at least five samples share.

    Parameters
    ----------
    samples_of
        Word -> number of samples that have it.

    Returns
    -------
    str
        Empty text where no word is shared by as many.
    """
    shared = [word for word, count in samples_of.items() if count >= FEWEST_SAMPLES]
    commonest = sorted(shared, key=lambda word: (-samples_of[word], word))
    return f" ({first_ten(commonest)})" if commonest else ""
