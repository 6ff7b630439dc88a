"""Les filtres que seuls posent les liens du pilotage : plusieurs quartiers, état des lignes, levier, reste à décider.

Les chiffres sont ceux de l'exemple de docs/calculs.md.
"""

import pytest
from django.utils import timezone

from comptes.enums import Role
from programmation.enums import NatureFinancement
from programmation.models import Campagne, Financeur
from tests.fabriques import FinanceurFactory, cofinancement, euros, habiliter
from tests.pages import textes

LISTE = "/programmation/actions/"


@pytest.fixture
def lire(client, exemple):
    client.force_login(habiliter(Role.AGENT, departement=exemple.exercice.departement))

    def lire_la_liste(**parametres):
        reponse = client.get(LISTE, {"annee": "2026", "departement": "14", **parametres})
        assert reponse.status_code == 200
        return reponse

    return lire_la_liste


def totaux(reponse):
    lus = reponse.context["totaux"]
    return lus.nombre, lus.cout, lus.demande, lus.accorde


def titres(reponse):
    return [ligne[0].pk for ligne in reponse.context["lignes"]]


def test_plusieurs_quartiers_montrent_la_somme_de_leurs_parts(lire, exemple):
    """a1 aux clés 2, 3, 5 : Q1 + Q3 = 7 000,00 de 10 000,00 ; 4 200,00 de 6 000,00 ; 3 500,01 de 5 000,01."""
    reponse = lire(quartier=f"{exemple.q1.pk}-{exemple.q3.pk}", statut="programmee")
    assert totaux(reponse) == (1, euros(7000), euros(4200), euros("3500,01"))
    ((action, *_),) = reponse.context["lignes"]
    assert (action.pk, action.cout, action.accorde) == (exemple.a1.pk, euros(7000), euros("3500,01"))
    assert "les parts des quartiers Q1 et Q3" in " ".join(textes(reponse, "//main"))
    tous = lire(quartier=f"{exemple.q1.pk}-{exemple.q3.pk}", statut="programmee", base="tous-financeurs")
    assert totaux(tous)[3] == euros("3500,01") + euros(1400) + euros(490)


def test_les_lignes_publiques_a_preciser_font_une_liste(lire, exemple):
    """Ville de Caen, 2 000,00 € sur a1, à préciser ; une ligne privée, à préciser aussi, ne concourt jamais au rang."""
    Financeur.objects.filter(nom="Ville de Caen").update(est_a_preciser=True)
    cofinancement(exemple.a3, FinanceurFactory(famille="prive", est_a_preciser=True), 100, 100)
    reponse = lire(a_preciser="oui", base="tous-financeurs", statut="programmee")
    assert (titres(reponse), totaux(reponse)[3]) == ([exemple.a1.pk], euros(2000))
    assert "Lignes publiques : financeur à préciser" in " ".join(textes(reponse, "//main"))


def test_un_quartier_inconnu_parmi_plusieurs_est_refuse(lire, exemple):
    reponse = lire(quartier=f"{exemple.q1.pk}-999999")
    assert reponse.context["formulaire"].errors
    assert titres(reponse) == []


def test_l_etat_des_lignes_montre_ce_qui_n_est_qu_annonce(lire, exemple):
    reponse = lire(etat="annonce", base="tous-financeurs", statut="programmee")
    assert (titres(reponse), totaux(reponse)[3]) == ([exemple.a2.pk], euros(2000))


def test_le_levier_montre_ses_trois_montants(lire):
    """Votes connus de a1, a3 et a4 : 7 000 € de P147, 4 000 € de droit commun, 700 € d'autres."""
    lus = {nom: totaux(lire(levier=nom, statut="programmee")) for nom in ("p147", "droit_commun", "autres")}
    assert {nom: (lu[0], lu[3]) for nom, lu in lus.items()} == {
        "p147": (3, euros(7000)),
        "droit_commun": (3, euros(4000)),
        "autres": (1, euros(700)),
    }


def test_ce_qui_reste_a_decider_est_dans_une_campagne_non_figee(lire, exemple):
    assert titres(lire(a_decider="oui")) == [exemple.a5.pk]
    Campagne.objects.update(figee_le=timezone.now())
    assert titres(lire(a_decider="oui")) == []


def test_tous_financeurs_exclut_les_ressources_propres_meme_d_un_financeur_choisi(lire, exemple):
    cofinancement(exemple.a3, exemple.ville, 900, 900, nature=NatureFinancement.RESSOURCES_PROPRES)
    choix = {"financeur": exemple.ville.pk, "statut": "programmee"}
    assert (titres(lire(**choix)), totaux(lire(**choix))[3]) == ([exemple.a1.pk, exemple.a3.pk], euros(2900))
    tous = lire(**choix, base="tous-financeurs")
    assert (titres(tous), totaux(tous)[3]) == ([exemple.a1.pk], euros(2000))
