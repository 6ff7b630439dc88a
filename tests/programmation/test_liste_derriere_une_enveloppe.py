"""Chaque segment de la barre mène à la liste dont la somme est ce segment, au centime (exemple de docs/calculs.md)."""

import pytest

from comptes.enums import Role
from programmation.synthese import Part, barre, hors_des_enveloppes
from tests.fabriques import DecisionFactory, QuartierFactory, action_programmee, euros, habiliter, localiser
from tests.programmation.exemple_enveloppes import engagement, enveloppes_de_l_exemple, paiement

pytestmark = pytest.mark.django_db

LISTE = "/programmation/actions/"


@pytest.fixture
def exemple():
    return enveloppes_de_l_exemple()


@pytest.fixture
def lire(client, exemple):
    client.force_login(habiliter(Role.AGENT))

    def lire_la_liste(**parametres):
        reponse = client.get(LISTE, {"exercice": exemple.exercice.pk, **parametres})
        assert reponse.status_code == 200
        return reponse

    return lire_la_liste


def lignes(reponse):
    return [(action.pk, action.reste) for action, *_ in reponse.context["lignes"]]


def total(reponse):
    return reponse.context["totaux"].reste


@pytest.mark.parametrize("nom", ["mere", "fille_caen", "fille_lisieux"])
@pytest.mark.parametrize("part", Part.des_actions())
def test_un_segment_est_le_total_de_sa_liste(lire, exemple, nom, part):
    DecisionFactory(action=exemple.a1, nature="diminution", montant=euros(-8_000))
    paiement(engagement(exemple.a2, 3_000), "1000,10")
    enveloppe = getattr(exemple, nom)
    reponse = lire(enveloppe=enveloppe.pk, reste=part)
    montants = lignes(reponse)
    assert total(reponse) == sum((m for _, m in montants), euros(0)) == barre(enveloppe).segments[part]
    assert all(montant for _, montant in montants), "une action qui n’y met rien n’y est pas"


def test_la_liste_montre_ce_que_chaque_action_met_dans_le_segment(lire, exemple):
    assert lignes(lire(enveloppe=exemple.mere.pk, reste="accorde")) == [
        (exemple.a1.pk, euros("5000,50")),
        (exemple.a2.pk, euros(4000)),
    ]
    assert lignes(lire(enveloppe=exemple.fille_caen.pk, reste="accorde", tri="-reste")) == [
        (exemple.a1.pk, euros("5000,50"))
    ]


def test_ce_qu_aucune_enveloppe_ne_porte_a_sa_liste(lire, exemple):
    reponse = lire(enveloppe="sans", reste="propose")
    assert lignes(reponse) == [(exemple.a4.pk, euros(1500))]
    assert total(reponse) == hors_des_enveloppes([exemple.exercice])[Part.PROPOSE]


def test_une_enveloppe_seule_montre_ce_qu_elle_porte(lire, exemple):
    ailleurs = action_programmee(10, contrat=exemple.caen)
    DecisionFactory(action=ailleurs, nature="complement", montant=euros(5), enveloppe=exemple.fille_caen)
    montrees = [action.pk for action, *_ in lire(enveloppe=exemple.fille_caen.pk).context["lignes"]]
    assert sorted(montrees) == [exemple.a1.pk, exemple.a3.pk, ailleurs.pk]
    assert [action.pk for action, *_ in lire(enveloppe="sans").context["lignes"]] == [exemple.a4.pk]


def test_le_fichier_a_la_colonne_du_segment(lire, exemple):
    texte = b"".join(lire(enveloppe=exemple.mere.pk, reste="paye", format="csv").streaming_content).decode()
    assert "Payé" in texte.splitlines()[0]
    assert "5000,00" in texte


def test_avec_un_quartier_la_liste_ne_montre_pas_un_segment_qui_n_en_a_pas_de_part(lire, exemple):
    quartier = QuartierFactory(contrat=exemple.caen)
    localiser(exemple.a1, {quartier: 1})
    reponse = lire(enveloppe=exemple.mere.pk, reste="paye", quartier=quartier.pk)
    assert [action.pk for action, *_ in reponse.context["lignes"]] == [exemple.a1.pk]
    assert "reste" not in [colonne.nom for colonne in reponse.context["colonnes"]]


@pytest.mark.parametrize("parametres", [{"reste": "paye"}, {"enveloppe": "sans"}])
def test_un_partenaire_ne_lit_ni_enveloppe_ni_segment(client, exemple, parametres):
    client.force_login(habiliter(Role.PARTENAIRE, contrat=exemple.caen))
    reponse = client.get(LISTE, {"exercice": exemple.exercice.pk, **parametres})
    assert reponse.context["formulaire"].errors
    assert reponse.context["lignes"] == []


def test_l_enveloppe_d_un_autre_contrat_n_est_pas_un_filtre(client, exemple):
    client.force_login(habiliter(Role.AGENT, contrat=exemple.lisieux))
    reponse = client.get(LISTE, {"exercice": exemple.exercice.pk, "enveloppe": exemple.fille_caen.pk})
    assert reponse.context["formulaire"].errors
