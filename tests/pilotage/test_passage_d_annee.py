"""Passer à l'année suivante : ce qui se copie, ce qui ne se refait pas, ce qui reste à régler."""

from datetime import date

import pytest

from comptes.enums import Role
from dispositifs.models import BaremeAdulteRelais, QuotaAdulteRelais
from pilotage.operations import passer_a_l_annee_suivante
from pilotage.reglages import reglages
from programmation.enums import StatutExercice
from programmation.models import Campagne, Enveloppe, Exercice, MouvementEnveloppe
from programmation.operations import DroitManquant, OperationRefusee
from territoires.models import FiliationContrat
from tests.dispositifs.fabriques import SuiviPreFactory
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    DepartementFactory,
    DispositifFactory,
    EnveloppeFactory,
    ExerciceFactory,
    MouvementFactory,
    NomenclatureFactory,
    action_programmee,
    euros,
    habiliter,
)
from tests.pages import noeuds
from tests.pages import texte as texte_du_noeud

pytestmark = pytest.mark.django_db


def texte(reponse):
    return texte_du_noeud(noeuds(reponse, "//main")[0])


@pytest.fixture
def responsable():
    return habiliter(Role.RESPONSABLE)


@pytest.fixture
def exercice():
    """2026 : une campagne générale sans avis du délégué, une d'été d'un contrat, une enveloppe et sa fille, dotées."""
    exercice = ExerciceFactory()
    contrat = ContratFactory(intitule="Caen")
    Campagne.objects.filter(exercice=exercice).update(
        avis_delegue_exige=False, ouverture=date(2025, 11, 1), cloture=date(2026, 1, 31)
    )
    CampagneFactory(
        exercice=exercice,
        intitule="Été 2026",
        contrat=contrat,
        dispositif=DispositifFactory(code="vvv"),
        vague=2,
        avis_manquant_bloquant=True,
    )
    mere = EnveloppeFactory(exercice=exercice, libelle="P147 2026")
    EnveloppeFactory(exercice=exercice, libelle="Caen", parent=mere, contrat=contrat)
    MouvementFactory(enveloppe=mere, ae=euros(10_000))
    action_programmee(500, contrat=contrat)
    return exercice


@pytest.fixture
def suivant(exercice, responsable):
    passer_a_l_annee_suivante(exercice, par=responsable)
    return Exercice.objects.get(annee=2027)


def test_l_annee_suivante_nait_en_preparation_sans_action_ni_montant(suivant):
    assert suivant.statut == StatutExercice.PREPARATION
    assert not suivant.actions.exists()
    assert not MouvementEnveloppe.objects.filter(enveloppe__exercice=suivant).exists()


def test_les_campagnes_et_leurs_regles_se_copient_sans_leurs_dates(exercice, suivant):
    generale, ete = suivant.campagnes.order_by("vague")
    assert (generale.intitule, generale.avis_delegue_exige, generale.ouverture) == ("Campagne 2027", False, None)
    assert (ete.intitule, str(ete.contrat), ete.dispositif.code) == ("Été 2027", "Caen", "vvv")
    assert (ete.vague, ete.avis_manquant_bloquant) == (2, True)


def test_l_arbre_des_enveloppes_se_copie(suivant):
    assert [(e.libelle, str(e.parent or ""), str(e.contrat or "")) for e in suivant.enveloppes.order_by("pk")] == [
        ("P147 2027", "", ""),
        ("Caen", "P147 2027", "Caen"),
    ]


def test_la_nomenclature_est_celle_qui_sera_en_vigueur(exercice, responsable):
    NomenclatureFactory(millesime="2027-", annee_de_debut=2027)
    passer_a_l_annee_suivante(exercice, par=responsable)
    assert str(Exercice.objects.get(annee=2027).nomenclature) == "2027-"


def test_rejouer_n_ajoute_que_ce_qui_manque_et_ne_change_rien(exercice, suivant, responsable):
    suivant.campagnes.filter(intitule="Campagne 2027").update(vague=3)
    suivant.campagnes.filter(intitule="Été 2027").delete()
    EnveloppeFactory(exercice=exercice, libelle="PRE", parent=Enveloppe.objects.get(libelle="P147 2026"))
    passage = passer_a_l_annee_suivante(exercice, par=responsable)
    assert [c.champs["intitule"] for c in passage.campagnes] == ["Été 2027"]
    assert [e.libelle for e in passage.enveloppes] == ["PRE"]
    assert suivant.campagnes.get(intitule="Campagne 2027").vague == 3
    assert str(suivant.enveloppes.get(libelle="PRE").parent) == "P147 2027"
    assert passer_a_l_annee_suivante(exercice, par=responsable).a_faire is False


def test_un_contrat_fini_se_remplace_par_sa_seule_suite(responsable):
    """2023 → 2024 : Caen 2015-2023 devient Caen 2024-2030 ; Lisieux, qui se scinde en deux, ne se devine pas."""
    NomenclatureFactory(millesime="2020-2023", annee_de_debut=2020, annee_de_fin=2023)
    NomenclatureFactory()
    exercice = ExerciceFactory(annee=2023)
    caen, lisieux = ContratFactory(ancien=True, intitule="Caen"), ContratFactory(ancien=True, intitule="Lisieux")
    nouveau = ContratFactory(intitule="Caen la mer")
    FiliationContrat.objects.create(ancien=caen, nouveau=nouveau)
    for _ in range(2):
        FiliationContrat.objects.create(ancien=lisieux, nouveau=ContratFactory())
    mere = EnveloppeFactory(exercice=exercice, libelle="Lisieux", contrat=lisieux)
    EnveloppeFactory(exercice=exercice, libelle="Caen", contrat=caen)
    EnveloppeFactory(exercice=exercice, libelle="Lisieux, été", parent=mere, contrat=lisieux)
    passage = passer_a_l_annee_suivante(exercice, par=responsable)
    assert Enveloppe.objects.get(exercice__annee=2024).contrat == nouveau
    assert [phrase.split(" : ")[0] for phrase in passage.laisses] == [
        "L’enveloppe « Lisieux »",
        "L’enveloppe « Lisieux, été »",
    ]


def test_le_responsable_seul_prepare_l_annee_suivante(exercice):
    with pytest.raises(DroitManquant):
        passer_a_l_annee_suivante(exercice, par=habiliter(Role.AGENT))
    assert Exercice.objects.count() == 1


def test_sans_nomenclature_connue_rien_ne_s_ecrit(responsable):
    NomenclatureFactory(millesime="2020-2023", annee_de_debut=2020, annee_de_fin=2023)
    exercice = ExerciceFactory(annee=2023, nomenclature__millesime="2020-2023")
    with pytest.raises(OperationRefusee, match="Aucune nomenclature n’est connue pour 2024"):
        passer_a_l_annee_suivante(exercice, par=responsable)
    assert Exercice.objects.count() == 1


# --- Ce qu'il reste à régler ---


def par_sujet(exercice, suivant):
    return {ligne.quoi: ligne for ligne in reglages(suivant, exercice)}


def test_la_liste_dit_ce_qui_manque_et_ou_le_regler(exercice, suivant):
    pre = SuiviPreFactory(programme__contrat=ContratFactory(), exercice=exercice).programme
    lignes = par_sujet(exercice, suivant)
    a_regler = {quoi: ligne.etat for quoi, ligne in lignes.items() if not ligne.est_fait}
    assert a_regler["Exercice"] == "En préparation : aucune décision ne s’y enregistre encore."
    assert a_regler["Campagne « Été 2027 »"] == "Dates à fixer."
    assert a_regler["Enveloppes"] == "2 enveloppes sans montant prévu ni notifié."
    assert a_regler["Notification"] == "Enveloppe pas encore notifiée en entier."
    assert a_regler["Quota d’adultes-relais"] == "Non notifié."
    assert a_regler["Barème adulte-relais"] == "Inconnu pour 2027 : aucun n’est connu."
    assert a_regler[f"PRE « {pre} »"] == "À renouveler : pas de suivi 2027."
    assert str(suivant.pk) in lignes["Quota d’adultes-relais"].lien


def test_ce_qui_est_regle_passe_a_la_fin(exercice, suivant):
    QuotaAdulteRelais.objects.create(exercice=suivant, postes_notifies=12)
    BaremeAdulteRelais.objects.create(date_effet=date(2027, 1, 1), montant=euros(20_000), statut="date", source="JO")
    for enveloppe in suivant.enveloppes.all():
        MouvementFactory(enveloppe=enveloppe, date=date(2027, 1, 15))
    suivant.enveloppes.update(notification_complete_le=date(2027, 2, 1))
    lignes = par_sujet(exercice, suivant)
    assert lignes["Quota d’adultes-relais"].etat == "12 postes notifiés"
    assert lignes["Barème adulte-relais"].etat == "Daté du 01/01/2027."
    assert lignes["Enveloppes"].est_fait
    assert lignes["Notification"].est_fait
    faits = [ligne.est_fait for ligne in reglages(suivant, exercice)]
    assert faits == sorted(faits)


def test_une_cpo_qui_continue_est_a_reconduire(exercice, suivant):
    action = action_programmee(100, duree="cpo", cpo_rang=1, cpo_nombre=3)
    action_programmee(100, duree="cpo", cpo_rang=3, cpo_nombre=3)
    sujet = "Conventions pluriannuelles (CPO)"
    assert par_sujet(exercice, suivant)[sujet].etat == "1 convention à reconduire."
    ActionFactory(exercice=suivant, contrat=action.contrat, action_precedente=action)
    assert par_sujet(exercice, suivant)[sujet].est_fait


# --- L'écran ---


def test_la_page_annonce_puis_fait_puis_dit_ce_qui_reste(client, exercice, responsable):
    client.force_login(responsable)
    adresse = f"/pilotage/passage/{exercice.pk}/"
    avant = texte(client.get(adresse))
    assert "l’exercice 2027, en préparation" in avant
    assert "l’enveloppe « Caen », dans « P147 2027 »" in avant
    assert not Exercice.objects.filter(annee=2027).exists(), "une lecture n'écrit pas"
    apres = texte(client.post(adresse, follow=True))
    assert "Ajouté : 1 exercice 2027 en préparation, 2 campagnes, 2 enveloppes." in apres
    assert "Rien : 2027 a déjà tout ce que 2026 peut lui donner." in apres
    assert "Quota d’adultes-relais" in apres
    assert "Rien à ajouter : tout y est déjà." in texte(client.post(adresse, follow=True))


@pytest.mark.parametrize(
    ("role", "lecture", "ecriture"), [("agent", 200, 403), ("delegue", 200, 403), ("partenaire", 404, 404)]
)
def test_les_autres_lisent_sans_faire(client, exercice, role, lecture, ecriture):
    client.force_login(habiliter(role))
    adresse = f"/pilotage/passage/{exercice.pk}/"
    assert client.get(adresse).status_code == lecture
    assert client.post(adresse).status_code == ecriture


def test_l_annee_d_un_autre_departement_n_existe_pas(client, responsable):
    client.force_login(responsable)
    gard = ExerciceFactory(departement=DepartementFactory(code="30"))
    assert client.get(f"/pilotage/passage/{gard.pk}/").status_code == 404
