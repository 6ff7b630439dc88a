import pytest

from tests.programmation.exemple import construire_l_exemple


@pytest.fixture
def exemple(db):
    """L'exemple chiffré de docs/calculs.md."""
    return construire_l_exemple()
