"""`manage.py verifier` : silence sur une base saine, une ligne par invariant violé.

Chaque invariant est violé par une écriture directe en base, qui contourne les opérations (et, s'il le faut, les
contraintes).
"""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comptes.models import Habilitation
from dispositifs.models import LieuDuPoste
from pilotage import volume
from pilotage.models import Photographie
from pilotage.operations import cloturer_exercice, figer_campagne, terminer_un_comite
from pilotage.verification import VERIFICATIONS
from programmation.enums import Echelle, NatureDecision, StatutAction
from programmation.models import (
    Action,
    Comite,
    Correspondance,
    Decision,
    Financement,
    Justification,
    Localisation,
    Lot,
    Organisme,
    PartenaireFinanceur,
    Passage,
    PrevisionPluriannuelle,
    Scenario,
    SuiviFinancement,
    VersementPrevu,
)
from programmation.operations import annuler_la_fusion
from territoires.models import FiliationQuartier
from tests.dispositifs.fabriques import ConventionFactory, PosteFactory, ReleveFactory, SuiviPreFactory
from tests.fabriques import (
    ActeFactory,
    ActionFactory,
    CampagneFactory,
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    DispositifFactory,
    EngagementFactory,
    EnveloppeFactory,
    EtablissementFactory,
    ExerciceFactory,
    FinanceurFactory,
    HabilitationFactory,
    LigneEngagementFactory,
    MouvementFactory,
    NomenclatureFactory,
    OrganismeFactory,
    PaiementFactory,
    PilierFactory,
    QuartierFactory,
    ThematiqueFactory,
    action_programmee,
    cofinancement,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db


def verifier():
    """Les lignes imprimées, une par écart."""
    sortie = StringIO()
    with suppress(CommandError):
        call_command("verifier", stdout=sortie)
    return sortie.getvalue().replace("\u00a0", " ").replace("\u202f", " ").splitlines()


def forcer(objet, **champs):
    """Écrit droit en base, sans opération, ni `save()`, ni les refus du modèle."""
    QuerySet(type(objet)).filter(pk=objet.pk).update(**champs)


def sans_contrainte(modele, nom):
    """Enlève une contrainte ou un index unique, jusqu'à la fin du test."""
    table = connection.ops.quote_name(modele._meta.db_table)
    with connection.cursor() as curseur:
        if connection.vendor == "sqlite":
            curseur.execute("PRAGMA ignore_check_constraints = ON")
        else:
            curseur.execute("SET CONSTRAINTS ALL IMMEDIATE")
            curseur.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {connection.ops.quote_name(nom)}")


@pytest.fixture(autouse=True)
def _contraintes_retablies():
    """SQLite : la vérification des contraintes revient après chaque test (PostgreSQL : la transaction est annulée)."""
    yield
    if connection.vendor == "sqlite":
        with connection.cursor() as curseur:
            curseur.execute("PRAGMA ignore_check_constraints = OFF")


# --- Les bases saines ---


def test_silence_sur_une_base_vide():
    assert verifier() == []


def test_silence_sur_les_donnees_d_echelle():
    call_command("charger_reference", verbosity=0)
    volume.generer(actions=200, annees=4, departements=2)
    assert verifier() == []


def test_silence_sur_les_fabriques():
    contrat = ContratFactory()
    action = action_programmee(accorde="100,01", contrat=contrat)
    localiser(action, {QuartierFactory(contrat=contrat): cle for cle in (2, 3, 5)})
    cofinancement(action, FinanceurFactory(), accorde=50)
    ActionFactory(brouillon=True)
    assert verifier() == []


# --- Un invariant violé par test ---


VIOLATIONS = {}


def viole(nom, motif):
    """Déclare la fonction décorée : elle viole l'invariant `nom`, et l'écart contient `motif`."""

    def declarer(violer):
        VIOLATIONS.setdefault(nom, []).append((violer, motif))
        return violer

    return declarer


@viole("génération du quartier", "attendu 2024-2030, trouvé 2015-2023")
def quartier_d_une_autre_generation():
    forcer(QuartierFactory(), generation="2015-2023")


@viole("filiation", "attendu une génération antérieure, trouvé 2024-2030")
def filiation_a_rebours():
    FiliationQuartier.objects.create(ancien=QuartierFactory(), nouveau=QuartierFactory(), nature="inchange")


@viole("habilitation d’écriture", "attendu pas de quartier")
def agent_d_un_quartier():
    Habilitation.objects.create(utilisateur=habiliter(), role="agent", quartier=QuartierFactory())


@viole("partenaire financeur", "attendu partenaire, trouvé agent")
def agent_borne_a_un_financeur():
    PartenaireFinanceur.objects.create(habilitation=HabilitationFactory(), financeur=FinanceurFactory())


@viole("SIREN et SIRET", "attendu une clé juste, trouvé 123456789")
def siren_faux():
    forcer(OrganismeFactory(), siren="123456789")


@viole("SIREN et SIRET", "attendu une clé juste, trouvé 12345678901234")
def siret_faux():
    forcer(EtablissementFactory(), siret="12345678901234")


@viole("SIREN et SIRET", "attendu 732829320, trouvé 000")
def siret_d_un_autre_siren():
    forcer(EtablissementFactory().organisme, siren="732829320")


@viole("fusion d’organismes", "attendu une cible vivante")
def fusion_en_chaine():
    premier, deuxieme, troisieme = (OrganismeFactory() for _ in range(3))
    forcer(premier, fusionne_dans=deuxieme)
    forcer(deuxieme, fusionne_dans=troisieme)


@viole("correspondance", "attendu un pilier ou une ligne, trouvé valeurs")
def correspondance_vers_le_transversal():
    Correspondance.objects.create(thematique=ThematiqueFactory(), pilier=PilierFactory(transversal=True))


@viole("campagne", "attendu une campagne, trouvé aucune")
def exercice_sans_campagne():
    ExerciceFactory().campagnes.all().delete()


@viole("campagne", "attendu Calvados, trouvé Gard")
def campagne_d_un_contrat_d_ailleurs():
    forcer(CampagneFactory(exercice=ExerciceFactory()), contrat=contrat_du_gard())


@viole("campagnes d’un exercice clos", "attendu figée, trouvé ouverte")
def exercice_clos_sans_gel():
    forcer(ExerciceFactory(), statut="clos")


@viole("enveloppe", "attendu 2026, trouvé 2025")
def enveloppe_d_une_mere_d_une_autre_annee():
    forcer(EnveloppeFactory(), parent=EnveloppeFactory(exercice=ExerciceFactory(annee=2025)))


@viole("enveloppe", "attendu Calvados, trouvé Gard")
def enveloppe_d_un_contrat_d_ailleurs():
    forcer(EnveloppeFactory(), contrat=contrat_du_gard())


@viole("enveloppe", "attendu Celui de la mère, trouvé —")
def sous_enveloppe_hors_du_contrat_de_sa_mere():
    mere = EnveloppeFactory(contrat=ContratFactory(intitule="Celui de la mère"))
    forcer(EnveloppeFactory(), parent=mere)


@viole("enveloppe", "attendu Programme de réussite éducative, trouvé —")
def sous_enveloppe_hors_du_dispositif_de_sa_mere():
    forcer(EnveloppeFactory(), parent=EnveloppeFactory(dispositif=DispositifFactory(pre=True)))


@viole("enveloppe", "trouvé une boucle")
def enveloppes_en_boucle():
    mere, fille = EnveloppeFactory(), EnveloppeFactory()
    forcer(mere, parent=fille)
    forcer(fille, parent=mere)


@viole("enveloppe d’une décision", "attendu 2026, trouvé 2025")
def decision_dans_l_enveloppe_d_une_autre_annee():
    action_programmee()
    forcer(Decision.objects.get(), enveloppe=EnveloppeFactory(exercice=ExerciceFactory(annee=2025)))


@viole("crédits rendus à une enveloppe", "attendu au moins 0,00 € de « Caen », trouvé −50,00 €")
def diminution_au_dela_de_ce_que_l_enveloppe_a_accorde():
    action = action_programmee()
    caen, reserve = EnveloppeFactory(libelle="Caen"), EnveloppeFactory(libelle="Réserve")
    forcer(Decision.objects.get(), enveloppe=reserve)
    DecisionFactory(action=action, nature=NatureDecision.DIMINUTION, montant=-50, enveloppe=caen)


@viole("redéploiement", "attendu 0,00 € redéployés en tout, trouvé 50,00")
def redeploiement_d_un_seul_cote():
    MouvementFactory(nature="redeploiement", ae=50, cp=0)


@viole("annulation d’un mouvement", "attendu −100,00 €, trouvé −90,00 €")
def annulation_d_un_autre_montant():
    annule = MouvementFactory(ae=100)
    MouvementFactory(enveloppe=annule.enveloppe, ae=-90, annule=annule)


@viole("dépassement motivé", "attendu un motif, trouvé aucun")
def depassement_sans_motif():
    action_programmee(100, enveloppe=EnveloppeFactory())
    forcer(Decision.objects.get(), depassement=10)


@viole("enveloppe d’une décision", "attendu Le sien, trouvé Le voisin")
def decision_dans_l_enveloppe_d_un_autre_contrat():
    action_programmee(contrat=ContratFactory(intitule="Le sien"))
    forcer(Decision.objects.get(), enveloppe=EnveloppeFactory(contrat=ContratFactory(intitule="Le voisin")))


@viole("enveloppe d’une décision", "trouvé Le voisin")
def decision_du_departement_dans_l_enveloppe_d_un_contrat():
    action_programmee(departementale=True)
    forcer(Decision.objects.get(), enveloppe=EnveloppeFactory(contrat=ContratFactory(intitule="Le voisin")))


@viole("enveloppe d’une décision", "attendu Contrat de ville, trouvé Programme de réussite éducative")
def decision_dans_l_enveloppe_d_un_autre_dispositif():
    action_programmee()
    forcer(Decision.objects.get(), enveloppe=EnveloppeFactory(dispositif=DispositifFactory(pre=True)))


@viole("date d’une décision", "attendu le 01/01/2025 au plus tôt, trouvé 31/12/2024")
def decision_d_un_autre_temps():
    action_programmee()
    forcer(Decision.objects.get(), date=date(2024, 12, 31))


@viole("enveloppe d’une décision", "attendu une feuille, trouvé Mère")
def decision_dans_une_mere():
    mere = EnveloppeFactory(libelle="Mère")
    EnveloppeFactory(parent=mere)
    action_programmee()
    forcer(Decision.objects.get(), enveloppe=mere)


@viole("contrat de l’action", "attendu Calvados, trouvé Gard")
def contrat_d_un_autre_departement():
    forcer(ActionFactory(), contrat=contrat_du_gard())


@viole("contrat de l’action", "attendu 2026, trouvé 2015-2023")
def contrat_echu():
    forcer(ActionFactory(), contrat=ContratFactory(ancien=True))


@viole("thématique de l’action", "attendu 2024-, trouvé 2020-2023")
def thematique_d_un_autre_millesime():
    ancienne = NomenclatureFactory(millesime="2020-2023", annee_de_debut=2020)
    forcer(ActionFactory(), thematique=ThematiqueFactory(theme__nomenclature=ancienne))


@viole("pilier de l’action", "attendu un pilier ou une ligne, trouvé valeurs")
def pilier_transversal():
    forcer(ActionFactory(), pilier=PilierFactory(transversal=True))


@viole("pilier de l’action", "attendu une étiquette transversale, trouvé cohesion-sociale")
def etiquette_qui_s_additionne():
    action = ActionFactory()
    action.piliers_transversaux.add(action.pilier)


@viole("campagne de l’action", "attendu 2026, trouvé 2025")
def campagne_d_une_autre_annee():
    forcer(ActionFactory(), campagne=ExerciceFactory(annee=2025).campagnes.get())


@viole("campagne de l’action", "attendu Contrat voisin")
def campagne_d_un_autre_contrat():
    action = ActionFactory()
    voisin = ContratFactory(intitule="Contrat voisin")
    forcer(action, campagne=CampagneFactory(exercice=action.exercice, intitule="La sienne", contrat=voisin))


@viole("enveloppe de l’action", "attendu 2026, trouvé 2025")
def enveloppe_d_une_autre_annee():
    forcer(ActionFactory(), enveloppe=EnveloppeFactory(exercice=ExerciceFactory(annee=2025)))


@viole("enveloppe de l’action", "attendu Le sien, trouvé Le voisin")
def action_dans_l_enveloppe_d_un_autre_contrat():
    action = ActionFactory(contrat=ContratFactory(intitule="Le sien"))
    forcer(action, enveloppe=EnveloppeFactory(contrat=ContratFactory(intitule="Le voisin")))


@viole("établissement de l’action", "attendu Le porteur, trouvé Un autre")
def etablissement_d_un_autre():
    action = ActionFactory(porteur=OrganismeFactory(nom="Le porteur"))
    forcer(action, etablissement=EtablissementFactory(organisme=OrganismeFactory(nom="Un autre")))


@viole("bénéficiaires", "attendu 10, trouvé 11")
def trop_de_femmes_et_d_hommes():
    forcer(ActionFactory(), beneficiaires_prevus=10, beneficiaires_femmes=6, beneficiaires_hommes=5)


@viole("bénéficiaires", "attendu 10, trouvé 12")
def trop_d_habitants():
    forcer(ActionFactory(), beneficiaires_prevus=10, beneficiaires_qpv=12)


@viole("version", "attendu au moins 1, trouvé 0")
def version_nulle():
    forcer(ActionFactory(), version=0)


@viole("texte de recherche", "attendu ecole, trouvé École")
def recherche_non_normalisee():
    forcer(ActionFactory(intitule="École", dossier=None), recherche="École")


@viole("quartier de l’action", "attendu Le sien, trouvé Le voisin")
def quartier_d_un_autre_contrat():
    contrat = ContratFactory(intitule="Le sien")
    action = ActionFactory(contrat=contrat)
    [lieu] = localiser(action, {QuartierFactory(contrat=contrat): 1})
    forcer(lieu, quartier=QuartierFactory(contrat=ContratFactory(intitule="Le voisin")))


@viole("quartier de l’action", "attendu —")
def quartier_d_une_action_du_departement():
    localiser(ActionFactory(departementale=True), {QuartierFactory(): 1})


@viole("clés cumulées", "attendu (2, 5, 5), trouvé (0, 3, 5)")
def cumuls_faux():
    contrat = ContratFactory()
    lieux = localiser(ActionFactory(contrat=contrat), {QuartierFactory(contrat=contrat): cle for cle in (2, 3)})
    forcer(lieux[1], cumul_avant=0, cumul_apres=3)


@viole("accordé P147", "attendu acquis 1000.00 €, trouvé acquis 999.99 €")
def accorde_d_un_centime_de_moins():
    forcer(action_programmee(accorde=1000).financements.get(), accorde=Decimal("999.99"))


@viole("accordé P147", "attendu sollicite, trouvé acquis 500.00 €")
def accorde_sans_decision():
    forcer(p147(ActionFactory()), accorde=Decimal(500), etat="acquis")


@viole("accordé P147", "attendu refuse 0.00 €, trouvé sollicite")
def refus_qui_n_est_pas_recopie():
    action = ActionFactory(statut=StatutAction.NON_RETENUE)
    p147(action)
    DecisionFactory(action=action, nature=NatureDecision.NON_RETENUE, montant=0)


@viole("ligne P147", "attendu une ligne P147, trouvé aucune")
def decidee_sans_ligne():
    QuerySet(Financement).filter(action=action_programmee()).delete()


@viole("ligne P147", "attendu une ligne P147, trouvé 2")
def deux_lignes_p147():
    with connection.cursor() as curseur:
        curseur.execute("DROP INDEX financement_une_ligne_p147")
    action = action_programmee()
    cofinancement(action, FinanceurFactory(nom="Autre ANCT", famille="anct_p147"), accorde=1000)


@viole("décisions et statut", "attendu une décision qui mène à « Programmée », trouvé —")
def programmee_sans_decision():
    ActionFactory(statut=StatutAction.PROGRAMMEE)


@viole("décisions et statut", "attendu une décision qui mène à « Ajournée », trouvé attribution")
def statut_d_une_autre_decision():
    forcer(action_programmee(), statut=StatutAction.AJOURNEE)


@viole("décisions et statut", "attendu 0,00 €, trouvé 400,00 €")
def deprogrammation_partielle():
    action = action_programmee(accorde=1000)
    DecisionFactory(action=action, nature=NatureDecision.DEPROGRAMMATION, montant=-600)
    forcer(action, statut=StatutAction.DEPROGRAMMEE)


@viole("décisions et statut", "attendu un accordé jamais négatif, trouvé −500,00 €")
def accorde_passe_sous_zero():
    action = action_programmee(accorde=1000)
    DecisionFactory(action=action, nature=NatureDecision.DIMINUTION, montant=-1500)
    DecisionFactory(action=action, nature=NatureDecision.COMPLEMENT, montant=1500)


@viole("porteur d’une décision", "trouvé —")
def decision_sans_porteur():
    action_programmee()
    forcer(Decision.objects.get(), porteur_nom="")


@viole("famille d’un financement", "attendu commune, trouvé —")
def financement_sans_famille():
    forcer(cofinancement(ActionFactory(), FinanceurFactory()), famille="")


@viole("répartition", "coût prévisionnel : attendu 100,01 €, trouvé 80,01 €")
def repartition_incomplete():
    contrat = ContratFactory()
    action = ActionFactory(contrat=contrat, cout_previsionnel=Decimal("100.01"))
    lieux = localiser(action, {QuartierFactory(contrat=contrat): cle for cle in (2, 3, 5)})
    QuerySet(Localisation).filter(pk=lieux[0].pk).delete()


@viole("contrainte", "trouvé action_brouillon_ou_renseignee")
def deposee_sans_porteur():
    sans_contrainte(Action, "action_brouillon_ou_renseignee")
    forcer(ActionFactory(), porteur=None)


@viole("contrainte", "trouvé decision_montant_selon_nature")
def attribution_negative():
    sans_contrainte(Decision, "decision_montant_selon_nature")
    DecisionFactory(montant=-10)


@viole("contrainte", "trouvé financement_accorde_selon_etat")
def refuse_a_dix_euros():
    sans_contrainte(Financement, "financement_accorde_selon_etat")
    forcer(cofinancement(ActionFactory(), FinanceurFactory()), etat="refuse", accorde=Decimal(10))


@viole("contrainte", "trouvé action_contrat_selon_echelle")
def departement_avec_un_contrat():
    sans_contrainte(Action, "action_contrat_selon_echelle")
    forcer(ActionFactory(), echelle=Echelle.DEPARTEMENT)


@viole("montant négatif", "attendu un montant positif ou nul, trouvé −10,00 €")
def demande_negative():
    ligne = cofinancement(ActionFactory(), FinanceurFactory())
    sans_contrainte(Financement, "programmation_financement_demande_check")
    forcer(ligne, demande=Decimal(-10))


@viole("liste fermée", "attendu une valeur connue de « statut », trouvé inconnu")
def statut_inconnu():
    forcer(ActionFactory(), statut="inconnu")


@viole("durée d’une convention", "attendu au plus le 31/12/2026, trouvé 01/01/2027")
def convention_de_trois_ans_et_un_jour():
    forcer(ConventionFactory(debut=date(2024, 1, 1)), fin=date(2027, 1, 1))


@viole("périodes d’un poste", "attendu des périodes qui s’accordent")
def deux_conventions_qui_se_chevauchent():
    convention = ConventionFactory(debut=date(2024, 1, 1), fin=date(2025, 12, 31))
    ConventionFactory(poste=convention.poste, debut=date(2025, 6, 1), fin=date(2026, 12, 31))


@viole("territoire d’un poste", "attendu Calvados, trouvé Gard")
def poste_d_un_contrat_d_ailleurs():
    forcer(PosteFactory(), contrat=contrat_du_gard())


@viole("territoire d’un poste", "attendu un quartier du contrat, trouvé Le Val")
def poste_dans_un_quartier_d_un_autre_contrat():
    LieuDuPoste.objects.create(poste=PosteFactory(), quartier=QuartierFactory(nom="Le Val"))


@viole("empreinte d’une photographie", "photographie")
def photographie_retouchee():
    forcer(exercice_clos(), motif="Autre", lignes=[])


@viole("exercice clos", "attendu une photographie, trouvé aucune")
def exercice_clos_sans_photographie():
    forcer(ExerciceFactory(), statut="clos")


@viole("exercice clos", "cout_previsionnel : attendu 10000.00, trouvé 10000.01")
def exercice_clos_modifie_d_un_centime():
    exercice_clos()
    forcer(Action.objects.get(), cout_previsionnel=Decimal("10000.01"))


@viole("exercice clos", "attendu absente, trouvé présente")
def action_ajoutee_apres_la_cloture():
    photographie = exercice_clos()
    ActionFactory(exercice=photographie.exercice)


@viole("exercice clos", "attendu présente, trouvé absente")
def action_disparue_apres_la_cloture():
    exercice_clos()
    for modele in (Financement, Decision, Action):
        QuerySet(modele).delete()


@viole("durée d’une convention", "attendu au plus le 31/12/2026, trouvé 01/01/2027")
def convention_de_plus_de_trois_ans():
    ConventionFactory(debut=date(2024, 1, 1), fin=date(2027, 1, 1))


@viole("périodes d’un poste", "Deux périodes se chevauchent")
def conventions_qui_se_chevauchent():
    premiere = ConventionFactory()
    ConventionFactory(poste=premiere.poste, debut=date(2026, 1, 1), fin=date(2027, 12, 31))


@viole("territoire d’un poste", "attendu Calvados, trouvé Gard")
def poste_dans_le_contrat_d_un_autre_departement():
    PosteFactory(contrat=contrat_du_gard(), departement=DepartementFactory())


@viole("relevé publié", "attendu 01414R0045, trouvé 01414R004601")
def releve_d_un_autre_poste():
    ReleveFactory(poste=PosteFactory(numero="01414R0045"), id_publie="01414R004601")


@viole("département d’un lot", "« liste.csv » : attendu Calvados, trouvé Gard")
def lot_d_un_autre_departement_que_son_exercice():
    gard = DepartementFactory(code="30")
    auteur = habiliter("agent", departement=gard)
    Lot.objects.create(exercice=ExerciceFactory(), departement=gard, nom_du_fichier="liste.csv", auteur=auteur)


@viole("suivi de PRE", "31 enfants, pour 30 suivis")
def effectifs_de_pre_au_dela_du_total():
    suivi = SuiviPreFactory(enfants_suivis=30)
    suivi.effectifs.create(axe="age_sexe", modalite="2-5f", nombre=31)


@viole("prévision pluriannuelle", "attendu une année à venir de la CPO, trouvé 2027")
def prevision_d_une_action_annuelle():
    PrevisionPluriannuelle.objects.create(action=action_programmee(), annee=2027, montant=Decimal(700))


def contrat_du_gard():
    return ContratFactory(departement=DepartementFactory(code="30"))


def exercice_clos() -> Photographie:
    """Un exercice d'une action programmée, clos par les opérations ; rend sa photographie."""
    responsable = habiliter("responsable")
    exercice = action_programmee().exercice
    figer_campagne(exercice.campagnes.get(), par=responsable)
    return cloturer_exercice(exercice, par=responsable)


# --- L'exécution ---


@viole("engagement d’une action", "attendu au moins 0,00 €, trouvé −500,00 €")
def desengagement_de_trop():
    ligne = LigneEngagementFactory()
    LigneEngagementFactory(engagement=ligne.engagement, action=ligne.action, ae=Decimal(-1500))


@viole("payé et engagé", "attendu 1 000,00 €, trouvé 1 000,01 €")
def paye_au_dela_de_l_engage():
    PaiementFactory(cp=Decimal("1000.01"))


@viole("date d’un paiement", "attendu 2026-05-10, trouvé 2026-05-09")
def paiement_avant_son_engagement():
    PaiementFactory(date=date(2026, 5, 9))


@viole("exercice d’un engagement", "attendu 2025, trouvé 2026")
def action_d_un_autre_exercice_que_son_ej():
    LigneEngagementFactory(engagement=EngagementFactory(exercice=ExerciceFactory(annee=2025)))


@viole("reversement perçu", "attendu 400,00 €, trouvé 100,00 €")
def reversement_percu_sans_paiement():
    action = PaiementFactory().ligne.action
    PaiementFactory(ligne=action.lignes_engagement.get(), nature="reversement", cp=Decimal(-100))
    champs = {"etat": "recue", "recue_le": date(2027, 1, 1), "suite_le": date(2027, 2, 1), "non_utilise": Decimal(400)}
    Justification.objects.create(action=action, suite="reversement_percu", **champs)


@viole("suivi d’un cofinanceur", "attendu ANCT – P147, trouvé acquis")
def suivi_du_p147():
    ligne = p147(ActionFactory(), 1000)
    SuiviFinancement.objects.create(financement=ligne, date=date(2026, 6, 1), etat="acquis", accorde=Decimal(1000))


# --- Les scénarios ---


@viole("exercice d’un scénario", "attendu 2025, trouvé 2026")
def action_d_un_autre_exercice_que_son_scenario():
    scenario = Scenario.objects.create(exercice=ExerciceFactory(annee=2025), libelle="Essai", auteur=habiliter("agent"))
    scenario.propositions.create(action=ActionFactory(), statut_vu=StatutAction.DEPOSEE)


@viole("scénario promu", "attendu une attribution, trouvé aucune")
def scenario_promu_sans_decision():
    champs = {"etat": "promu", "promu_le": timezone.now()}
    Scenario.objects.create(exercice=ExerciceFactory(), libelle="Essai", auteur=habiliter("agent"), **champs)


# --- Les actes ---


@viole("exercice d’un acte", "attendu 2025, trouvé 2026")
def acte_d_un_autre_exercice_que_ses_decisions():
    acte = ActeFactory(decisions=list(action_programmee().decisions.all()))
    forcer(acte, exercice=ExerciceFactory(annee=2025))


@viole("décision portée", "attendu un acte, trouvé les actes")
def decision_portee_par_deux_actes():
    decisions = list(action_programmee().decisions.all())
    ActeFactory(decisions=decisions)
    ActeFactory(decisions=decisions, nature="convention")


@viole("décision d’un acte", "attendu une décision, trouvé aucune")
def acte_sans_decision():
    ActeFactory(decisions=list(action_programmee().decisions.all())).decisions.clear()


@viole("décision d’un acte", "attendu des crédits, trouvé ajournement")
def acte_qui_porte_un_ajournement():
    ajournement = DecisionFactory(nature=NatureDecision.AJOURNEMENT, montant=Decimal(0))
    ActeFactory(decisions=[ajournement])


def prevoir(acte, montant):
    VersementPrevu.objects.create(acte=acte, nature="solde", montant=Decimal(montant), prevu_le=date(2026, 6, 1))


@viole("échéancier d’un acte", "attendu 1 000,00 €, trouvé 999,00 €")
def echeancier_qui_ne_fait_pas_le_montant_de_l_acte():
    prevoir(ActeFactory(decisions=list(action_programmee().decisions.all())), 999)


@viole("échéancier d’un acte", "attendu 0,00 €, trouvé 1 000,00 €")
def echeancier_d_un_retrait():
    decisions = list(action_programmee().decisions.all())
    arrete = ActeFactory(decisions=decisions, signe_le=date(2026, 5, 2))
    prevoir(ActeFactory(decisions=decisions, nature="retrait", remplace=arrete), 1000)


# --- Les comités ---


def comite_decide():
    """Un comité de pilotage dont le passage porte une décision de 1 000,00 €."""
    action = action_programmee()
    comite = Comite.objects.create(campagne=action.campagne, nature="pilotage", date=date(2026, 3, 12))
    passage = Passage.objects.create(comite=comite, action=action, ordre=1, issue="attribution", montant=Decimal(1000))
    forcer(action.decisions.get(), passage=passage)
    return comite, passage


@viole("décision d’un comité", "attendu Ailleurs")
def decision_d_une_autre_action_que_son_passage():
    _, passage = comite_decide()
    forcer(passage, action=ActionFactory(intitule="Ailleurs"))


@viole("issue d’un passage", "attendu 1 000,00 €, trouvé 900,00 €")
def passage_qui_ne_dit_pas_ses_decisions():
    _, passage = comite_decide()
    forcer(passage, montant=Decimal(900))


@viole("issue d’un passage", "attendu pilotage, trouvé technique")
def comite_technique_qui_decide():
    comite, _ = comite_decide()
    forcer(comite, nature="technique")


@viole("passage examiné", "attendu un passage de ce comité")
def passage_d_un_autre_comite():
    comite, passage = comite_decide()
    autre = Comite.objects.create(campagne=comite.campagne, nature="technique", date=comite.date)
    forcer(autre, en_cours=passage)


@viole("comité terminé", "attendu une photographie, trouvé 0")
def comite_termine_sans_photographie():
    comite, _ = comite_decide()
    forcer(comite, etat="termine", termine_le=timezone.now())


@viole("comité terminé", "trouvé 2026-03-12")
def decision_apres_la_fin_de_son_comite():
    comite, passage = comite_decide()
    fin = datetime(2026, 3, 11, tzinfo=UTC)
    forcer(comite, etat="termine", termine_le=fin)
    forcer(passage.decisions.get(), enregistree_le=fin + timedelta(days=1))


@viole("comité terminé", "pilier cohesion-sociale : attendu 900,00 €, trouvé 1 000,00 €")
def comite_dont_l_historique_dit_autre_chose_que_sa_photographie():
    comite, passage = comite_decide()
    forcer(passage.action.financements.get(), accorde=Decimal(900))
    forcer(comite, etat="en_seance")
    terminer_un_comite(Comite.objects.get(), par=habiliter("responsable"))


@pytest.mark.parametrize(
    ("nom", "violer", "motif"),
    [pytest.param(nom, *cas, id=cas[0].__name__) for nom, siens in VIOLATIONS.items() for cas in siens],
)
def test_un_invariant_viole_sort_sa_ligne(nom, violer, motif):
    violer()
    lignes = [ligne for ligne in verifier() if ligne.startswith(f"{nom} – ")]
    assert len(lignes) >= 1
    assert motif in lignes[0]


def test_chaque_verification_a_son_invariant_viole():
    assert {verification.nom for verification in VERIFICATIONS} == set(VIOLATIONS)


def test_un_ecart_fait_sortir_en_erreur():
    forcer(ActionFactory(), version=0)
    forcer(ActionFactory(), version=0)
    with pytest.raises(CommandError, match=r"^2\sécarts\.$"):
        call_command("verifier", stdout=StringIO())


# --- Ce qui n'est pas un écart ---


def test_un_porteur_renomme_ne_change_pas_un_exercice_clos():
    exercice_clos()
    organisme = Organisme.objects.get()
    organisme.nom = "Nouveau nom"
    organisme.save()
    assert verifier() == []


def test_un_projet_d_avenant_ne_porte_pas_deux_fois_les_decisions_de_son_acte():
    decisions = list(action_programmee().decisions.all())
    acte = ActeFactory(decisions=decisions, signe_le=date(2026, 5, 2))
    ActeFactory(decisions=decisions, nature="avenant", remplace=acte)
    assert verifier() == []


def test_une_fusion_annulee_ne_laisse_pas_d_ecart():
    agent = habiliter()
    source, cible = OrganismeFactory(), OrganismeFactory()
    forcer(source, fusionne_dans=cible)
    annuler_la_fusion(source, par=agent, motif="Erreur")
    assert verifier() == []


def test_bavard_il_dit_ce_qu_il_verifie():
    sortie = StringIO()
    call_command("verifier", verbosity=2, stdout=sortie)
    assert len(sortie.getvalue().splitlines()) == len(VERIFICATIONS)


def test_le_nombre_de_requetes_ne_depend_pas_du_nombre_d_actions():
    action_programmee()
    with CaptureQueriesContext(connection) as une:
        verifier()
    for _ in range(5):
        action_programmee()
    with CaptureQueriesContext(connection) as six:
        verifier()
    assert len(six) == len(une)
