"""Après la clôture, plus rien ne change un chiffre de programmation : ni opération, ni écran d'administration, ni import,
ni commande. La photographie de clôture et un recomptage neuf sont égaux au centime.

Ce qui s'ajoute à `programmation.operations` doit entrer dans `ESSAIS`, ou être dit fait d'exécution ou lecture.
"""

import inspect
import io
from contextlib import suppress
from datetime import date
from functools import partial
from types import SimpleNamespace

import pytest
from django import forms
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import ProtectedError
from django.urls import reverse

from comptes.enums import Role
from pilotage import photographies
from pilotage.models import MOTIF_DE_CLOTURE, Photographie
from pilotage.operations import cloturer_exercice, figer_campagne
from politique_ville.outils.ajustement import Regle
from programmation import operations
from programmation.enums import EtatFinancement, MotifStatut, NatureDecision, StatutAction
from programmation.imports import lots
from programmation.models import (
    Campagne,
    Correspondance,
    Exercice,
    MouvementEnveloppe,
    Organisme,
    PrevisionPluriannuelle,
    SuiviFinancement,
)
from programmation.operations import DemandeDeDecision, LigneDePlan, OperationRefusee, SaisieAction
from programmation.synthese.actes_en_lot import actes_proposes
from programmation.synthese.enveloppes import Credits
from tests import imports
from tests.fabriques import (
    ActionFactory,
    CommuneFactory,
    ContratFactory,
    DecisionFactory,
    DispositifFactory,
    EnveloppeFactory,
    EtablissementFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    OrganismeFactory,
    PilierFactory,
    PrioriteFactory,
    QuartierFactory,
    RepereFactory,
    UtilisateurFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db


# --- Un exercice clos, où il y a de tout ---


@pytest.fixture
def clos():
    """2025, clos : une action localisée et cofinancée, un PRE, une à l'échelle du département, un brouillon, une
    déposée, une ajournée, une CPO et sa prévision ; une enveloppe, sa fille et leurs mouvements. 2026, lui, est ouvert."""
    monde = construire()
    figer_campagne(monde.campagne, par=monde.par)
    cloturer_exercice(monde.exercice, par=monde.par)
    monde.exercice.refresh_from_db()
    return monde


def construire():
    exercice = ExerciceFactory(annee=2025)
    ExerciceFactory(annee=2026)
    contrat, autre = ContratFactory(intitule="Caen"), ContratFactory(intitule="Lisieux")
    commune = CommuneFactory()
    quartiers = [QuartierFactory(contrat=contrat, communes=[commune]) for _ in range(2)]
    mere = EnveloppeFactory(exercice=exercice, libelle="P147")
    fille = EnveloppeFactory(exercice=exercice, libelle="Caen", parent=mere)
    for enveloppe, ae in ((mere, 10_000), (fille, 8_000)):
        MouvementFactory(enveloppe=enveloppe, ae=euros(ae), date=date(2025, 2, 1))
    pilier, emploi = PilierFactory(), PilierFactory(code="emploi", ordre=3)
    commun = {"exercice": exercice, "contrat": contrat, "enveloppe": fille}
    localisee = action_programmee(3000, 4000, intitule="Localisée", etablissement=None, dossier="00054562", **commun)
    localiser(localisee, {quartiers[0]: 2, quartiers[1]: 1})
    ville = FinanceurFactory(nom="Ville de Caen")
    cofinancement(localisee, ville, 1000, 900)
    cofinancement(localisee, FinanceurFactory(nom="Région", famille="region"), 500)
    localisee.piliers_transversaux.add(PilierFactory(transversal=True))
    localisee.priorites.add(PrioriteFactory())
    pre = action_programmee(2000, intitule="PRE", dispositif=DispositifFactory(pre=True), **commun)
    departement = action_programmee(500, exercice=exercice, departementale=True, intitule="Partout", pilier=emploi)
    cpo = action_programmee(700, intitule="CPO", duree="cpo", cpo_rang=1, cpo_nombre=3, **commun)
    PrevisionPluriannuelle.objects.create(action=cpo, annee=2026, montant=euros(700))
    deposee = ActionFactory(intitule="Déposée", dossier="00054563", **commun)
    ajournee = ActionFactory(intitule="Ajournée", statut=StatutAction.AJOURNEE, **commun)
    DecisionFactory(action=ajournee, nature=NatureDecision.AJOURNEMENT, montant=euros(0))
    for action in (deposee, ajournee):
        p147(action, 1000)
    brouillon = ActionFactory(intitule="Brouillon", statut=StatutAction.BROUILLON, **commun)
    Correspondance.objects.create(thematique=localisee.thematique, pilier=localisee.pilier)
    RepereFactory(pilier=pilier)
    EtablissementFactory(organisme=localisee.porteur)
    par = habiliter(Role.RESPONSABLE)
    comite = operations.creer_un_comite(exercice.campagnes.get(), "pilotage", date(2025, 3, 12), par=par)
    operations.inscrire(comite, [deposee, ajournee], par=par)
    prevu = operations.creer_un_comite(exercice.campagnes.get(), "technique", date(2025, 3, 1), par=par)
    operations.inscrire(prevu, [ajournee], par=par)
    propose = operations.creer_un_comite(exercice.campagnes.get(), "technique", date(2025, 2, 1), par=par)
    operations.inscrire(propose, [ajournee], par=par)
    propose = operations.ouvrir_la_seance(propose, par=par)
    issue = operations.SaisieDePassage(propose.passages.get(), NatureDecision.ATTRIBUTION, euros(50))
    operations.enregistrer_en_seance(propose, [issue], par=par)
    scenario, promu, ecarte = (
        operations.creer_un_scenario(exercice, n, par=par) for n in ("À l’étude", "Promu", "Non")
    )
    operations.ecarter_un_scenario(ecarte, par=par)
    reserve = EnveloppeFactory(exercice=exercice, libelle="Réserve")
    for nature in ("prevision", "notification"):
        MouvementFactory(enveloppe=reserve, ae=euros(1000), date=date(2025, 2, 1), nature=nature)
    promue = ActionFactory(intitule="Promue", **commun)
    p147(promue, 300)
    operations.actualiser_un_scenario(promu, par=par)
    operations.saisir_des_montants(promu, {promue.pk: euros(300)}, par=par)
    montants = {a.pk: None for a in (deposee, ajournee)}
    operations.saisir_des_montants(promu, montants, par=par)
    operations.promouvoir(promu, par=par)
    operations.saisir_des_montants(scenario, {deposee.pk: euros(100)}, par=par)
    valeurs = operations.ValeursCommunes({"pilier": emploi})
    modification = operations.modifier_en_lot({deposee: deposee.version}, valeurs, par=par, motif="Mieux classée")
    deposee.refresh_from_db()
    return SimpleNamespace(
        comite=operations.ouvrir_la_seance(comite, par=par),
        prevu=prevu,
        propose=propose,
        reserve=reserve,
        scenario=scenario,
        promu=promu,
        ecarte=ecarte,
        modification=modification,
        par=par,
        exercice=exercice,
        ouvert=Exercice.objects.get(annee=2026),
        campagne=exercice.campagnes.get(),
        contrat=contrat,
        autre=autre,
        quartiers=quartiers,
        mere=mere,
        fille=fille,
        localisee=localisee,
        pre=pre,
        departement=departement,
        cpo=cpo,
        deposee=deposee,
        ajournee=ajournee,
        brouillon=brouillon,
        ville=ville,
        emploi=emploi,
    )


def cloture(monde):
    return Photographie.objects.filter(exercice=monde.exercice).de_la_cloture()


def ce_qui_a_change(monde):
    """Les différences entre la photographie de clôture et un recomptage neuf, en clair."""
    gardee = cloture(monde)
    neuve = {"lignes": photographies.lignes(monde.exercice), "synthese": photographies.synthese(monde.exercice)}
    return list(photographies.differences({"lignes": gardee.lignes, "synthese": gardee.synthese}, neuve))


def test_la_photographie_de_cloture_est_un_recomptage_neuf_au_centime(clos):
    assert ce_qui_a_change(clos) == []
    assert cloture(clos).motif == f"{MOTIF_DE_CLOTURE} 2025"
    assert cloture(clos).synthese["tableau"]["total"] == {"montant": "6500.00", "nombre": 5, "inconnus": 0}
    assert cloture(clos).synthese["tableau"]["sans_pre"]["montant"] == "4500.00"


def test_un_changement_fait_a_la_main_se_voit(clos):
    """Le témoin : sans lui, un comparateur aveugle laisserait passer tout le reste."""
    clos.localisee.financements.filter(famille="anct_p147").update(accorde=euros("3000.01"))
    champs = {(d.objet, d.champ) for d in ce_qui_a_change(clos)}
    assert ("action « Localisée »", "financements") in champs
    assert ("synthèse, tableau", "total") in champs


# --- Les opérations ---


def saisie(action, champs=None, **autres):
    return lambda m: operations.enregistrer(
        [SaisieAction(champs=champs or {}, action=getattr(m, action), **autres)], par=m.par, motif="Essai"
    )


def decision(action, nature, montant=None):
    montant = euros(montant)
    return lambda m: operations.decider(
        [DemandeDeDecision(getattr(m, action), nature, montant, m.fille)], par=m.par, motif="Essai"
    )


def nouvelle_action(m):
    champs = {"exercice": m.exercice, "contrat": m.contrat, "intitule": "Nouvelle"}
    operations.enregistrer([SaisieAction(champs=champs)], par=m.par)


def changer_le_plan(m):
    autre = LigneDePlan(m.ville, demande=euros(1), accorde=euros(1), etat=EtatFinancement.ACQUIS)
    plan = [LigneDePlan(FinanceurFactory(p147=True), demande=euros(1)), autre]
    operations.enregistrer([SaisieAction(champs={}, action=m.localisee, plan=plan)], par=m.par, motif="Essai")


def changer_les_quartiers(m):
    lieux = {m.quartiers[0]: 1}
    operations.enregistrer([SaisieAction({}, action=m.localisee, localisations=lieux)], par=m.par, motif="Essai")


def mouvement(m):
    return MouvementEnveloppe(
        enveloppe=m.mere, date=date(2025, 9, 1), nature="gel", ae=euros(-1), cp=euros(-1), auteur=m.par
    )


def fusion(m):
    return operations.fusionner(m.localisee.porteur, OrganismeFactory(), par=m.par, motif="Doublon")


def annuler_une_fusion(m):
    operations.annuler_la_fusion(fusion(m), par=m.par, motif="Erreur")


def renommer_le_porteur(m):
    m.localisee.porteur.nom = "Autre nom"
    operations.enregistrer_un_organisme(m.localisee.porteur, par=m.par)


def passage(m):
    return m.comite.passages.get(action=m.deposee)


def en_seance(nature, montant=None):
    return lambda m: operations.enregistrer_en_seance(
        m.comite, [operations.SaisieDePassage(passage(m), nature, euros(montant), "Essai", m.fille)], par=m.par
    )


def reconduire(origine, vers):
    return lambda m: operations.reconduire(
        [operations.DemandeDeReconduction(origine(m), getattr(m, vers).campagnes.get())], par=m.par, motif="Essai"
    )


def echeancier(m):
    versements = [operations.Versement("solde", euros(3000), date(2025, 11, 1))]
    return operations.fixer_l_echeancier(acte(m), versements, par=m.par)


def etablir(m):
    proposes, _ = actes_proposes([m.localisee])
    return operations.etablir_des_actes(proposes, par=m.par)


def acte(m):
    decisions = list(m.localisee.decisions.all())
    return operations.rediger_un_acte(operations.SaisieDActe("arrete", "Lire", decisions), par=m.par)


# Par opération : les façons d'essayer de changer 2025. Un refus est attendu, ou un succès qui n'y change rien.
ESSAIS = {
    "actualiser_un_scenario": [lambda m: operations.actualiser_un_scenario(m.scenario, par=m.par)],
    "annuler_la_fusion": [annuler_une_fusion],
    "annuler_la_modification": [lambda m: operations.annuler_la_modification(m.modification, par=m.par)],
    "annuler_la_promotion": [lambda m: operations.annuler_la_promotion(m.promu, par=m.par, motif="Essai")],
    "annuler_un_mouvement": [
        lambda m: operations.annuler_un_mouvement(m.mere.mouvements.get(), par=m.par, motif="Essai")
    ],
    "creer_un_comite": [lambda m: operations.creer_un_comite(m.campagne, "consultation", date(2025, 5, 1), par=m.par)],
    "creer_un_scenario": [lambda m: operations.creer_un_scenario(m.exercice, "De plus", par=m.par)],
    "dater_des_actes": [
        lambda m: operations.dater_des_actes([operations.DatesDActe(acte(m), "A2", date(2025, 6, 1))], par=m.par)
    ],
    "dater_un_acte": [
        lambda m: operations.dater_un_acte(
            acte(m), numero="A1", signe_le=date(2025, 6, 1), notifie_le=date(2025, 6, 9), par=m.par
        )
    ],
    "dispenser_d_avis": [lambda m: operations.dispenser_d_avis([m.deposee], "delegue", par=m.par, motif="Essai")],
    "donner_un_avis": [
        lambda m: operations.donner_un_avis(m.deposee, operations.AvisDonne("service", "favorable"), par=m.par)
    ],
    "dupliquer_un_scenario": [lambda m: operations.dupliquer_un_scenario(m.scenario, "Copie", par=m.par)],
    "ecarter_un_scenario": [lambda m: operations.ecarter_un_scenario(m.scenario, par=m.par)],
    "enregistrer_en_seance": [
        en_seance(NatureDecision.ATTRIBUTION, 100),
        en_seance(NatureDecision.NON_RETENUE),
    ],
    "etablir_des_actes": [etablir],
    "inscrire": [lambda m: operations.inscrire(m.prevu, [m.deposee], par=m.par)],
    "modifier_un_acte": [lambda m: operations.modifier_un_acte(acte(m), objet="Autre", texte="", numero="", par=m.par)],
    "modifier_un_comite": [lambda m: operations.modifier_un_comite(m.prevu, {"lieu": "Caen"}, par=m.par)],
    "modifier_une_enveloppe": [lambda m: operations.modifier_une_enveloppe(m.mere, {"libelle": "Autre"}, par=m.par)],
    "modifier_en_lot": [
        lambda m: operations.modifier_en_lot(
            {m.localisee: m.localisee.version}, operations.ValeursCommunes({"pilier": m.emploi}), par=m.par, motif="Lot"
        )
    ],
    "montrer": [lambda m: operations.montrer(m.comite, passage(m), par=m.par)],
    "ouvrir_la_seance": [lambda m: operations.ouvrir_la_seance(m.prevu, par=m.par)],
    "placer": [lambda m: operations.placer(passage(m), 2, par=m.par)],
    "prevoir": [
        lambda m: operations.prevoir([operations.PrevisionsSaisies(m.cpo, {2026: euros(1)})], par=m.par, motif="Essai")
    ],
    "promouvoir": [lambda m: operations.promouvoir(m.scenario, par=m.par, enveloppe=m.fille, motif="Essai")],
    "proposer": [
        lambda m: operations.proposer([operations.MontantPropose(m.deposee.pk, euros(1), m.deposee.version)], par=m.par)
    ],
    "reconduire": [
        reconduire(lambda m: m.localisee, "ouvert"),
        reconduire(lambda m: action_programmee(100, exercice=ExerciceFactory(annee=2024)), "exercice"),
    ],
    "redeployer": [
        lambda m: operations.redeployer(
            m.reserve, m.mere, Credits(euros(1), euros(1)), par=m.par, date=date(2025, 6, 1), motif="Essai"
        )
    ],
    "rediger_des_actes": [
        lambda m: operations.rediger_des_actes(
            [operations.SaisieDActe("arrete", "Lire", list(m.localisee.decisions.all()))], par=m.par
        )
    ],
    "rediger_un_acte": [acte],
    "renommer_un_scenario": [lambda m: operations.renommer_un_scenario(m.scenario, "Autre", par=m.par)],
    "reporter_en_propose": [lambda m: operations.reporter_en_propose(m.propose, par=m.par)],
    "reprendre_un_scenario": [lambda m: operations.reprendre_un_scenario(m.ecarte, par=m.par)],
    "retirer_de_l_ordre_du_jour": [lambda m: operations.retirer_de_l_ordre_du_jour([passage(m)], par=m.par)],
    "saisir_des_montants": [lambda m: operations.saisir_des_montants(m.scenario, {m.deposee.pk: euros(1)}, par=m.par)],
    "supprimer_un_acte": [lambda m: operations.supprimer_un_acte(acte(m), par=m.par, motif="Essai")],
    "supprimer_un_comite": [lambda m: operations.supprimer_un_comite(m.prevu, par=m.par)],
    "terminer": [lambda m: operations.terminer(m.comite, par=m.par)],
    "appliquer_une_regle": [lambda m: operations.appliquer_une_regle(m.scenario, Regle(euros(50)), par=m.par)],
    "clore": [lambda m: operations.clore(m.exercice, par=m.par)],
    "creer_des_organismes": [lambda m: operations.creer_des_organismes([Organisme(nom="X")], [], par=m.par, motif="X")],
    "creer_une_campagne": [
        lambda m: operations.creer_une_campagne(m.exercice, "Seconde vague", par=m.par),
        lambda m: operations.creer_une_campagne(
            Exercice(pk=m.exercice.pk, departement=m.exercice.departement, annee=2025, statut="ouvert"),
            "Lue avant la clôture",
            par=m.par,
        ),
    ],
    "creer_une_enveloppe": [
        lambda m: operations.creer_une_enveloppe(m.exercice, "De plus", par=m.par),
        lambda m: operations.creer_une_enveloppe(m.exercice, "Fille", parent=m.mere, par=m.par),
    ],
    "decider": [
        decision("deposee", NatureDecision.ATTRIBUTION, 100),
        decision("deposee", NatureDecision.NON_RETENUE),
        decision("localisee", NatureDecision.COMPLEMENT, 100),
        decision("localisee", NatureDecision.DIMINUTION, -100),
        decision("localisee", NatureDecision.DEPROGRAMMATION),
    ],
    "declarer_la_notification_complete": [
        lambda m: operations.declarer_la_notification_complete(m.mere, date(2025, 6, 1), par=m.par)
    ],
    "deposer": [lambda m: operations.deposer([m.brouillon], par=m.par)],
    "enregistrer": [
        nouvelle_action,
        changer_le_plan,
        changer_les_quartiers,
        saisie("localisee", {"intitule": "Renommée"}),
        saisie("localisee", {"cout_previsionnel": euros(1)}),
        saisie("localisee", piliers_transversaux=[]),
        saisie("localisee", priorites=[]),
        saisie("brouillon", {"intitule": "Brouillon repris"}),
        lambda m: saisie("localisee", {"pilier": m.emploi})(m),
        lambda m: saisie("localisee", {"porteur": OrganismeFactory()})(m),
    ],
    "enregistrer_des_mouvements": [lambda m: operations.enregistrer_des_mouvements([mouvement(m)], par=m.par)],
    "enregistrer_et_deposer": [
        lambda m: operations.enregistrer_et_deposer(SaisieAction({}, action=m.brouillon), par=m.par)
    ],
    "enregistrer_un_organisme": [renommer_le_porteur],
    "fixer_l_echeancier": [echeancier],
    "figer": [lambda m: operations.figer(m.campagne, par=m.par)],
    "financeur_a_preciser": [lambda m: operations.financeur_a_preciser("commune")],
    "fusionner": [fusion],
    "instruire": [lambda m: operations.instruire([m.deposee], par=m.par)],
    "modifier_une_campagne": [lambda m: operations.modifier_une_campagne(m.campagne, {"intitule": "Autre"}, par=m.par)],
    "ouvrir": [lambda m: operations.ouvrir(m.exercice, par=m.par)],
    "ouvrir_un_exercice": [
        lambda m: operations.ouvrir_un_exercice(m.exercice.departement, 2025, m.exercice.nomenclature, par=m.par)
    ],
    "partager_les_propositions": [lambda m: operations.partager_les_propositions(m.campagne, par=m.par)],
    "preparer_un_exercice": [lambda m: operations.preparer_un_exercice(m.exercice.departement, 2025, par=m.par)],
    "rattacher_a_leur_enveloppe": [lambda m: operations.rattacher_a_leur_enveloppe([m.departement], par=m.par)],
    "rattacher_un_siret": [
        lambda m: operations.rattacher_un_siret(m.localisee.porteur, EtablissementFactory.build().siret, par=m.par)
    ],
    "restaurer": [lambda m: operations.restaurer(m.deposee, 1, par=m.par, motif="Comme avant")],
    "retirer": [lambda m: operations.retirer([m.deposee], par=m.par, motif_statut=MotifStatut.AUTRE)],
    "revenir": [
        lambda m: operations.revenir([m.ajournee], StatutAction.INSTRUITE, par=m.par, motif_statut=MotifStatut.AUTRE)
    ],
    "rouvrir": [lambda m: operations.rouvrir(m.exercice, par=m.par, motif=" ")],
    "scinder": [
        lambda m: operations.scinder(m.deposee, {m.contrat: 1, m.autre: 1}, par=m.par, motif="Essai"),
    ],
    "supprimer_les_brouillons": [lambda m: operations.supprimer_les_brouillons([m.brouillon], par=m.par)],
}
# Une action ne quitte pas un exercice clos, et n'y entre pas.
DEMENAGEMENTS = [
    lambda m: saisie("localisee", {"campagne": m.ouvert.campagnes.get()})(m),
    lambda m: saisie("localisee", {"exercice": m.ouvert, "campagne": m.ouvert.campagnes.get()})(m),
    lambda m: operations.enregistrer(
        [SaisieAction({"exercice": m.exercice}, action=ActionFactory(exercice=m.ouvert, contrat=m.contrat))],
        par=m.par,
        motif="Essai",
    ),
]
FAITS_D_EXECUTION = {
    "completer_l_engagement",
    "corriger_l_engagement",
    "desengager",
    "engager",
    "justifier",
    "payer",
    "retirer_la_ligne",
    "retirer_le_paiement",
    "suivre_un_financement",
}
LECTURES = {
    "apercevoir",
    "comite_en_mots",
    "examiner",
    "nom_a_preciser",
    "preparer_le_retour",
    "reconduction_de",
    "sans_enveloppe",
    "version_lue",
}

CAS = [(nom, essai) for nom, essais in ESSAIS.items() for essai in essais]
CAS += [("déménager", essai) for essai in DEMENAGEMENTS]


def essayer(monde, geste):
    """Ce que ce geste, permis ou refusé, change à l'exercice clos ; puis tout est remis comme avant."""
    with transaction.atomic():
        with suppress(OperationRefusee, ProtectedError), transaction.atomic():
            geste()
        change = ce_qui_a_change(monde)
        if not Exercice.objects.get(pk=monde.exercice.pk).est_clos:
            change.append("l’exercice n’est plus clos")
        if Campagne.objects.filter(exercice=monde.exercice, figee_le=None).exists():
            change.append("une campagne n’est plus figée")
        transaction.set_rollback(True)
    return change


def test_aucune_operation_ne_change_un_chiffre_clos(clos):
    passes = [(nom, change) for nom, essai in CAS if (change := essayer(clos, partial(essai, clos)))]
    assert passes == []


def test_aucune_operation_n_echappe_a_l_essai():
    publiques = {nom for nom in operations.__all__ if inspect.isfunction(getattr(operations, nom))}
    assert sorted(publiques - ESSAIS.keys() - FAITS_D_EXECUTION - LECTURES) == []


REFUSES_AUSSI_SUR_UN_EXERCICE_OUVERT = {"clore", "ouvrir", "ouvrir_un_exercice", "preparer_un_exercice", "rouvrir"}


def test_les_memes_essais_passent_sur_un_exercice_ouvert():
    """Le témoin des essais : un essai mal écrit serait refusé pour une autre raison que la clôture."""
    monde = construire()
    refuses = set()
    for nom, essais in ESSAIS.items():
        for essai in essais:
            with transaction.atomic():
                try:
                    essai(monde)
                except OperationRefusee as refus:
                    refuses.add((nom, str(refus.messages)))
                transaction.set_rollback(True)
            monde.localisee.refresh_from_db()
    assert {nom for nom, _ in refuses} == REFUSES_AUSSI_SUR_UN_EXERCICE_OUVERT, refuses


# --- L'administration ---


@pytest.fixture
def administrateur(client):
    """Tout-puissant dans l'administration : les garde-fous sont ceux des modèles et des écrans, pas les droits."""
    client.force_login(UtilisateurFactory(courriel="admin@exemple.test", is_staff=True, is_superuser=True))
    return client


def donnees_du_formulaire(reponse):
    """Ce que le navigateur renverrait de cette page, sans rien y changer ; et les champs que l'on peut changer."""
    contexte = reponse.context
    formulaire = contexte["adminform"].form
    envoi = {formulaire.add_prefix(nom): valeur_envoyee(formulaire, nom) for nom in formulaire.fields}
    for ensemble in contexte["inline_admin_formsets"]:
        for partie in [ensemble.formset.management_form, *ensemble.formset.initial_forms]:
            envoi |= {partie.add_prefix(nom): valeur_envoyee(partie, nom) for nom in partie.fields}
        envoi[f"{ensemble.formset.prefix}-TOTAL_FORMS"] = ensemble.formset.initial_form_count()
    return {nom: valeur for nom, valeur in envoi.items() if valeur is not None}, formulaire.fields


def valeur_envoyee(formulaire, nom):
    valeur = formulaire[nom].value()
    if isinstance(formulaire.fields[nom], forms.BooleanField):
        return "on" if valeur else None
    return "" if valeur is None else formulaire.fields[nom].prepare_value(valeur)


def autres_valeurs(champ, actuelle):
    """De quoi changer un champ : l'inverse d'une case, un autre choix, un nombre de plus, un texte plus long."""
    if isinstance(champ, forms.BooleanField):
        return [None if actuelle else "on"]
    if isinstance(champ, forms.ModelMultipleChoiceField):
        return [[]]
    if hasattr(champ, "choices"):
        autres = [valeur for valeur, _ in champ.choices if str(valeur) not in ("", str(actuelle))]
        return [getattr(valeur, "value", valeur) for valeur in autres[:2]] + ([] if champ.required else [""])
    if isinstance(champ, forms.IntegerField | forms.DecimalField):
        return ["1" if actuelle in ("", None) else str(int(float(actuelle)) + 1)]
    return [f"{actuelle}x"] if isinstance(champ, forms.CharField) else []


def test_aucun_ecran_d_administration_ne_change_un_chiffre_clos(clos, administrateur):
    """Chaque champ de chaque objet, changé seul ; puis la suppression. Rien de cela ne déplace un centime de 2025."""
    passes = []
    modeles = [modele for modele in admin.site._registry if modele._meta.app_label != "comptes"]
    for objet in [objet for modele in modeles for objet in modele._default_manager.all()]:
        for quoi, page, envoi in changements(administrateur, objet):
            if change := essayer(clos, partial(administrateur.post, page, envoi)):
                passes.append((repr(objet), quoi, change))
    assert passes == []


def changements(client, objet):
    """Ce que l'administration permet d'envoyer sur cet objet : (quoi, la page, les données)."""
    page = admin_de(objet, "change")
    reponse = client.get(page)
    if not reponse.context or not reponse.context.get("has_change_permission"):
        return
    envoi, champs = donnees_du_formulaire(reponse)
    for nom, champ in champs.items():
        for valeur in autres_valeurs(champ, envoi.get(nom, "")):
            reste = {cle: v for cle, v in envoi.items() if cle != nom}
            yield f"{nom} = {valeur!r}", page, reste if valeur is None else {**reste, nom: valeur}
    yield "suppression", admin_de(objet, "delete"), {"post": "yes"}


def admin_de(objet, geste):
    return reverse(f"admin:{objet._meta.app_label}_{objet._meta.model_name}_{geste}", args=[objet.pk])


# --- Les imports et les commandes ---


ENTETES = ["Intitulé", "Contrat", "Dossier Dauphin", "Demandé P147"]


def test_un_import_ne_touche_pas_un_exercice_clos(clos):
    fichier = imports.csv(ENTETES, ["Nouvelle", "Caen", "00099999", 100], ["Localisée", "Caen", "00054562", 1])
    with suppress(OperationRefusee):
        lot = lots.deposer(fichier, clos.exercice, par=clos.par)
        lots.planifier(lot, par=clos.par)
        lots.confirmer(lot, par=clos.par)
    assert ce_qui_a_change(clos) == []


def test_un_import_prepare_avant_la_cloture_ne_se_confirme_plus_apres():
    monde = construire()
    fichier = imports.csv(ENTETES, ["Localisée", "Caen", "00054562", 1])
    lot = lots.deposer(fichier, monde.exercice, par=monde.par)
    lots.planifier(lot, par=monde.par)
    figer_campagne(monde.campagne, par=monde.par)
    cloturer_exercice(monde.exercice, par=monde.par)
    with suppress(OperationRefusee):
        lots.confirmer(lot, par=monde.par)
    assert ce_qui_a_change(monde) == []


@pytest.mark.parametrize(
    "commande",
    [
        ["charger_demonstration"],
        ["generer_volume", "--actions", "20", "--annees", "2", "--departements", "1", "--graine", "cloture"],
        ["charger_reference"],
    ],
    ids=lambda commande: commande[0],
)
def test_aucune_commande_ne_change_un_chiffre_clos(clos, commande):
    with suppress(CommandError, OperationRefusee):
        call_command(*commande, stdout=io.StringIO(), stderr=io.StringIO())
    assert ce_qui_a_change(clos) == []


# --- Ce qui continue ---


def test_les_faits_d_execution_se_saisissent_apres_la_cloture_sans_changer_un_chiffre(clos):
    motif = {"par": clos.par, "motif": "Après la clôture"}
    jour = date(2026, 2, 1)
    ligne = operations.LigneDEngagement(clos.localisee, euros(2000), clos.fille)
    [engagement] = operations.engager([operations.DemandeDEngagement("2105000001", jour, [ligne])], **motif)
    [ecrite] = engagement.lignes.all()
    operations.completer_l_engagement(
        engagement, [operations.LigneDEngagement(clos.pre, euros(500), clos.fille)], **motif
    )
    [paiement] = operations.payer([operations.DemandeDePaiement(ecrite, "acompte", euros(1000), jour)], **motif)
    operations.retirer_le_paiement(paiement, **motif)
    operations.desengager(ecrite, euros(100), **motif)
    operations.corriger_l_engagement(engagement, "2105000002", jour, **motif)
    operations.retirer_la_ligne(engagement.lignes.get(action=clos.pre), **motif)
    crf = {"etat": "recue", "recue_le": jour, "depense": euros(2900), "non_utilise": euros(100)}
    operations.justifier([operations.DemandeDeJustification(clos.localisee, crf)], **motif)
    vote = operations.VoteOuVersement(jour, EtatFinancement.ACQUIS, euros(400), euros(400))
    region = clos.localisee.financements.get(financeur__nom="Région")
    operations.suivre_un_financement(region, vote, **motif)
    assert SuiviFinancement.objects.get().accorde == euros(400)
    assert ce_qui_a_change(clos) == []


def test_la_population_d_un_quartier_n_est_pas_un_chiffre_de_programmation(clos):
    clos.quartiers[0].population = 2_000
    clos.quartiers[0].save()
    assert ce_qui_a_change(clos) == []
    assert cloture(clos).synthese["tableau"]["quartiers"][0]["population"] == 1_000, "« au » la clôture, l'ancienne"
