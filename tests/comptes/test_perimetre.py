"""La seule porte : qui voit quelles actions, quels contrats, quels quartiers."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from comptes.enums import Role
from comptes.models import Habilitation, Utilisateur
from pilotage.models import Photographie
from pilotage.operations import photographier
from programmation.models import Action, Enveloppe, Financement, PartenaireFinanceur
from territoires.models import FiliationContrat, FiliationQuartier
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DepartementFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    HabilitationFactory,
    QuartierFactory,
    UtilisateurFactory,
    action_programmee,
    cofinancement,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db


class Monde:
    """Deux contrats dans le Calvados, un dans le Gard, et une action de chaque sorte."""

    def __init__(self):
        self.calvados, self.gard = DepartementFactory(), DepartementFactory(code="30")
        self.caen, self.lisieux = ContratFactory(), ContratFactory()
        self.nimes = ContratFactory(departement=self.gard)
        self.guerinere, self.chemin_vert = QuartierFactory(contrat=self.caen), QuartierFactory(contrat=self.caen)
        self.hauteville = QuartierFactory(contrat=self.lisieux)
        exercice, exercice_gard = ExerciceFactory(), ExerciceFactory(departement=self.gard)
        self.a_la_guerinere = ActionFactory(exercice=exercice, contrat=self.caen)
        localiser(self.a_la_guerinere, {self.guerinere: 1})
        self.au_chemin_vert = ActionFactory(exercice=exercice, contrat=self.caen)
        localiser(self.au_chemin_vert, {self.chemin_vert: 1})
        self.sur_tout_caen = ActionFactory(exercice=exercice, contrat=self.caen)
        self.a_lisieux = ActionFactory(exercice=exercice, contrat=self.lisieux)
        self.decidee_a_lisieux = action_programmee(exercice=exercice, contrat=self.lisieux)
        self.du_departement = ActionFactory(exercice=exercice, departementale=True)
        self.a_nimes = ActionFactory(exercice=exercice_gard, contrat=self.nimes)
        self.decidee_a_nimes = action_programmee(exercice=exercice_gard, contrat=self.nimes)
        self.du_calvados = {
            self.a_la_guerinere,
            self.au_chemin_vert,
            self.sur_tout_caen,
            self.a_lisieux,
            self.decidee_a_lisieux,
            self.du_departement,
        }


@pytest.fixture
def monde():
    return Monde()


def vues(utilisateur):
    return set(Action.objects.visibles_par(utilisateur))


def test_sans_habilitation_on_ne_voit_rien(monde):
    utilisateur = UtilisateurFactory(is_staff=True, is_superuser=True)
    assert vues(utilisateur) == set()
    assert (utilisateur.contrats_visibles().count(), utilisateur.quartiers_visibles().count()) == (0, 0)


@pytest.mark.parametrize("role", [Role.AGENT, Role.RESPONSABLE, Role.LECTEUR])
def test_un_departement_montre_tout_le_departement_et_rien_d_autre(monde, role):
    assert vues(habiliter(role, departement=monde.calvados)) == monde.du_calvados


def test_la_france_entiere_montre_tout(monde):
    lecteur = habiliter(Role.LECTEUR, france_entiere=True)
    assert len(vues(lecteur)) == 8
    assert set(lecteur.contrats_visibles()) == {monde.caen, monde.lisieux, monde.nimes}


def test_un_contrat_montre_ses_actions_pas_celles_du_departement(monde):
    agent = habiliter(Role.AGENT, contrat=monde.caen)
    assert vues(agent) == {monde.a_la_guerinere, monde.au_chemin_vert, monde.sur_tout_caen}


def test_un_quartier_montre_ses_actions_et_celles_de_tout_son_contrat(monde):
    lecteur = habiliter(Role.LECTEUR, quartier=monde.guerinere)
    assert vues(lecteur) == {monde.a_la_guerinere, monde.sur_tout_caen}
    assert set(lecteur.quartiers_visibles()) == {monde.guerinere}
    assert set(lecteur.contrats_visibles()) == {monde.caen}


def test_un_delegue_voit_aussi_l_echelle_du_departement_et_ce_qui_y_est_decide(monde):
    delegue = habiliter(Role.DELEGUE, quartier=monde.guerinere)
    assert vues(delegue) == {
        monde.a_la_guerinere,
        monde.sur_tout_caen,
        monde.du_departement,
        monde.decidee_a_lisieux,
    }
    assert set(delegue.quartiers_suivis()) == {monde.guerinere}
    assert set(delegue.contrats_visibles()) == {monde.caen, monde.lisieux}


def test_une_habilitation_vaut_en_lecture_pour_les_ancetres(monde):
    ancien_contrat = ContratFactory(ancien=True)
    ancien_quartier = QuartierFactory(contrat=ancien_contrat)
    FiliationContrat.objects.create(ancien=ancien_contrat, nouveau=monde.caen)
    FiliationQuartier.objects.create(ancien=ancien_quartier, nouveau=monde.guerinere, nature="redessine")
    action = ActionFactory(exercice=ExerciceFactory(annee=2023), contrat=ancien_contrat)
    localiser(action, {ancien_quartier: 1})
    assert action in vues(habiliter(Role.LECTEUR, contrat=monde.caen))
    assert action in vues(habiliter(Role.LECTEUR, quartier=monde.guerinere))
    assert action not in vues(habiliter(Role.LECTEUR, quartier=monde.chemin_vert))


def test_une_habilitation_finie_ou_a_venir_n_ouvre_rien(monde):
    aujourd_hui = timezone.localdate()
    hier, demain = aujourd_hui - timedelta(days=1), aujourd_hui + timedelta(days=1)
    for dates in ({"au": hier}, {"du": demain}):
        habilitation = HabilitationFactory(departement=monde.calvados, **dates)
        assert vues(Utilisateur.objects.get(pk=habilitation.utilisateur_id)) == set()


def test_un_partenaire_ne_voit_pas_les_brouillons(monde):
    ActionFactory(contrat=monde.caen, brouillon=True)
    assert vues(habiliter(Role.PARTENAIRE, contrat=monde.caen)) == {
        monde.a_la_guerinere,
        monde.au_chemin_vert,
        monde.sur_tout_caen,
    }


def test_un_partenaire_financeur_ne_voit_que_ses_lignes(monde):
    caf = FinanceurFactory(nom="CAF", famille="caf")
    p147(monde.a_la_guerinere)
    sienne = cofinancement(monde.a_la_guerinere, caf)
    p147(monde.au_chemin_vert)
    partenaire = habiliter(Role.PARTENAIRE, departement=monde.calvados)
    PartenaireFinanceur.objects.create(habilitation=partenaire.habilitations.get(), financeur=caf)
    partenaire = Utilisateur.objects.get(pk=partenaire.pk)
    assert vues(partenaire) == {monde.a_la_guerinere}
    assert list(Financement.objects.visibles_par(partenaire)) == [sienne]
    assert list(monde.a_la_guerinere.financements.bornes_a(partenaire)) == [sienne]


def test_les_enveloppes_et_les_photographies_sont_a_l_etat_jamais_a_un_partenaire(monde):
    exercice = monde.a_lisieux.exercice
    du_departement = EnveloppeFactory(exercice=exercice, libelle="A. Département")
    de_caen = EnveloppeFactory(exercice=exercice, contrat=monde.caen, libelle="B. Caen")
    EnveloppeFactory(exercice=exercice, contrat=monde.lisieux, libelle="C. Lisieux")
    EnveloppeFactory(exercice=ExerciceFactory(departement=monde.gard), libelle="D. Gard")
    photographier(exercice, "Comité")
    lecteur = habiliter(Role.LECTEUR, departement=monde.calvados)
    assert Enveloppe.objects.visibles_par(lecteur).count() == 3
    assert Photographie.objects.visibles_par(lecteur).count() == 1
    agent_de_caen = habiliter(Role.AGENT, contrat=monde.caen)
    assert list(Enveloppe.objects.visibles_par(agent_de_caen)) == [du_departement, de_caen]
    assert not Photographie.objects.visibles_par(agent_de_caen).exists()
    for territoire in ({"departement": monde.calvados}, {"contrat": monde.caen}, {"france_entiere": True}):
        partenaire = habiliter(Role.PARTENAIRE, **territoire)
        assert not Enveloppe.objects.visibles_par(partenaire).exists()
        assert not Photographie.objects.visibles_par(partenaire).exists()


def test_une_habilitation_a_exactement_un_territoire(monde):
    utilisateur = UtilisateurFactory()
    mauvaises = [
        {},
        {"france_entiere": True, "departement": monde.calvados},
        {"contrat": monde.caen, "quartier": monde.guerinere},
    ]
    for territoire in mauvaises:
        with pytest.raises(IntegrityError), transaction.atomic():
            Habilitation.objects.create(utilisateur=utilisateur, role=Role.LECTEUR, **territoire)


def test_le_courriel_est_un_identifiant_sans_casse():
    Utilisateur.objects.create_user(" Camille@Calvados.Gouv.FR ", "un mot de passe long")
    assert Utilisateur.objects.get_by_natural_key("CAMILLE@calvados.gouv.fr").courriel == "camille@calvados.gouv.fr"
