"""Chercher et trier sans casse ni accent, sur les deux moteurs."""

import pytest

from politique_ville.outils.recherche import contient_les_mots, normaliser
from programmation.models import Organisme
from tests.fabriques import OrganismeFactory


@pytest.mark.parametrize(
    ("texte", "normalise"),
    [
        ("Hérouville-Saint-Clair", "herouville saint clair"),
        ("  L’Œuvre   d'ÉTÉ ", "l oeuvre d ete"),
        ("Ça_va\u00a0bien", "ca va bien"),
        ("STRAẞE", "strasse"),
        (None, ""),
    ],
)
def test_un_texte_se_normalise(texte, normalise):
    assert normaliser(texte) == normalise


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("cherche", "trouves"),
    [
        ("ecole", ["École de musique"]),
        ("ÉCOLE musique", ["École de musique"]),
        ("musique ecole", ["École de musique"]),
        ("saint clair", ["Régie d’Hérouville-Saint-Clair"]),
        ("d'herouville", ["Régie d’Hérouville-Saint-Clair"]),
        ("ecole regie", []),
        ("%", []),
        ("", ["École de musique", "Régie d’Hérouville-Saint-Clair", "Zoé"]),
    ],
)
def test_chaque_mot_se_cherche_sans_casse_ni_accent_et_le_tri_non_plus(cherche, trouves):
    for nom in ("Zoé", "Régie d’Hérouville-Saint-Clair", "École de musique"):
        OrganismeFactory(nom=nom)
    assert [str(o) for o in Organisme.objects.recherche(cherche)] == trouves


@pytest.mark.django_db
def test_un_mot_peut_etre_dans_un_champ_et_le_suivant_dans_un_autre():
    OrganismeFactory(nom="Les Amis", courriel="contact@exemple.test")
    condition = contient_les_mots("amis exemple", "recherche", "courriel")
    assert Organisme.objects.filter(condition).count() == 1


@pytest.mark.django_db
def test_changer_le_nom_change_ce_que_l_on_cherche():
    organisme = OrganismeFactory(nom="Ancien")
    organisme.nom = "Nouveau"
    organisme.save(update_fields=["nom"])
    assert Organisme.objects.recherche("nouveau").get() == organisme
