"""Les données de démonstration : plausibles, visiblement fictives, toujours les mêmes, et jamais chargées deux fois."""

import re
from io import StringIO

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from comptes.enums import Role
from comptes.models import Habilitation, Utilisateur
from dispositifs.dates import UN_JOUR, decaler_de_mois
from dispositifs.models import (
    ActionDuSuivi,
    AvenantAdulteRelais,
    ConventionAdulteRelais,
    Occupation,
    PosteFonjep,
    ProgrammeReussiteEducative,
    QuotaAdulteRelais,
    ReleveAnct,
    ReleveFonjep,
    SuiviPre,
)
from pilotage import demonstration
from pilotage.demonstration.gens import COMPTES, MOT_DE_PASSE
from pilotage.demonstration.lieux import Lieu, lieu_de_la_ville, lieu_du_contrat
from pilotage.models import Photographie
from politique_ville.contexte import DONNEES_FICTIVES
from programmation.controles import CONTROLES
from programmation.enums import EtatActe, EtatComite, FamilleFinanceur, NatureDecision, StatutAction, StatutExercice
from programmation.models import (
    Acte,
    Action,
    Campagne,
    Comite,
    Decision,
    Enveloppe,
    Etablissement,
    Exercice,
    Financement,
    Localisation,
    Lot,
    Organisme,
    PrevisionPluriannuelle,
)
from programmation.synthese import Base, ChoixDeBase, barres, rang_de_l_etat, synthese_des_piliers
from programmation.synthese.actes import a_etablir
from tests.fabriques import UtilisateurFactory, euros

TAILLE = 0.2  # 50 actions par an dans le Calvados, 120 dans le Gard


@pytest.fixture(scope="module")
def base(django_db_setup, django_db_blocker):
    """Une démonstration réduite, chargée une fois pour tout le module puis oubliée."""
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("charger_reference", verbosity=0)
        demonstration.charger(taille=TAILLE)
        yield
        transaction.set_rollback(True)


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("base")]


def actions(departement, annee):
    return Action.objects.filter(exercice__departement__code=departement, exercice__annee=annee)


# --- Les exercices ---


def test_quatre_exercices_par_departement_deux_clos_un_fige_un_ouvert():
    for code in ("14", "30"):
        exercices = Exercice.objects.filter(departement__code=code).order_by("annee")
        assert [(e.annee, e.statut) for e in exercices] == [
            (2023, StatutExercice.CLOS),
            (2024, StatutExercice.CLOS),
            (2025, StatutExercice.OUVERT),
            (2026, StatutExercice.OUVERT),
        ]
    figees = Campagne.objects.exclude(figee_le=None).values_list("exercice__annee", flat=True)
    assert sorted(figees) == [2023, 2023, 2024, 2024, 2025, 2025]


def test_le_nombre_d_actions_suit_la_taille():
    """Quelques dossiers sur deux contrats font une action de plus."""
    for code, attendu in (("14", 50), ("30", 120)):
        for annee in demonstration.ANNEES:
            nombre = actions(code, annee).count()
            scindees = nombre - attendu
            assert 0 <= scindees <= 3


def test_2023_est_sur_les_anciens_contrats_quartiers_et_thematiques():
    anciennes = Action.objects.filter(exercice__annee=2023, contrat__isnull=False)
    assert set(anciennes.values_list("contrat__generation", flat=True)) == {"2015-2023"}
    assert set(anciennes.values_list("exercice__nomenclature__millesime", flat=True)) == {"2020-2023"}
    lieux = Localisation.objects.filter(action__exercice__annee=2023)
    assert set(lieux.values_list("quartier__generation", "quartier__contrat__departement__code")) == {
        ("2015-2023", "14")
    }


def test_chaque_gel_et_chaque_cloture_a_sa_photographie_datee_de_son_exercice():
    photographies = Photographie.objects.filter(comite=None).order_by("prise_le")
    assert [photo.prise_le.year for photo in photographies] == [
        2023,
        2023,
        2024,
        2024,
        2024,
        2024,
        2025,
        2025,
        2025,
        2025,
    ]


def test_un_comite_termine_a_sa_photographie_et_les_decisions_de_sa_seance():
    """Terminé au chargement : sa photographie n'est vraie que de ce jour-là."""
    termines = Comite.objects.filter(etat=EtatComite.TERMINE)
    assert sorted(termines.values_list("campagne__exercice__departement__code", "date__year")) == [
        ("14", 2026),
        ("30", 2026),
    ]
    for comite in termines:
        assert comite.termine_le.date() == timezone.now().date()
        assert Photographie.objects.get(comite=comite).prise_le == comite.termine_le
        decisions = Decision.objects.filter(passage__comite=comite)
        assert set(decisions.values_list("date", flat=True)) == {comite.date}
        assert decisions.count() == comite.passages.count() > 0


def test_les_actes_des_annees_passees_sont_notifies_et_quelques_uns_de_l_annee_restent_a_etablir():
    """Une convention exigée manque à chaque exercice, et ce qui l'a changée avec elle."""
    for annee in (2023, 2024, 2025):
        for code in ("14", "30"):
            actes = Acte.objects.filter(exercice__annee=annee, exercice__departement__code=code)
            assert not actes.exclude(remplace_par__isnull=False).filter(notifie_le=None).exists()
            assert a_etablir(actions(code, annee)).count() <= 4
    for code in ("14", "30"):
        attendues = a_etablir(actions(code, 2026)).count()
        assert 0 < attendues < actions(code, 2026).programmees().count() / 3
    actes = Acte.objects.filter(exercice__annee=2026)
    assert all(actes.a_l_etat(etat).exists() for etat in EtatActe)


def test_aucune_date_n_est_celle_du_jour():
    for annee, date in Decision.objects.values_list("action__exercice__annee", "date"):
        assert date.year == annee


def test_2026_a_encore_des_actions_a_decider():
    statuts = set(actions("30", 2026).values_list("statut", flat=True))
    assert statuts >= {
        StatutAction.BROUILLON,
        StatutAction.DEPOSEE,
        StatutAction.INSTRUITE,
        StatutAction.LISTE_ATTENTE,
        StatutAction.AJOURNEE,
        StatutAction.PROGRAMMEE,
        StatutAction.NON_RETENUE,
    }


# --- Les chiffres ---


@pytest.mark.parametrize("annee", demonstration.ANNEES)
def test_les_parts_du_gard_sont_proches_des_parts_publiees(annee):
    synthese = synthese_des_piliers(actions("30", annee), ChoixDeBase())
    parts = {ligne.pilier.code: ligne.part for ligne in synthese.lignes}
    assert abs(parts["cohesion-sociale"] - 80) <= 4
    assert abs(parts["cadre-de-vie"] - 2) <= 2


def test_l_etat_est_le_premier_financeur_presque_partout_mais_pas_partout():
    rangs = {}
    for contrat in {a.contrat for a in actions("30", 2024).select_related("contrat") if a.contrat}:
        siennes = actions("30", 2024).filter(contrat=contrat)
        rangs[contrat.code] = rang_de_l_etat(siennes, ChoixDeBase(Base.TOUS_FINANCEURS)).rang
    ailleurs = [code for code, rang in rangs.items() if rang > 1]
    assert "CN03007I" in ailleurs
    assert len(ailleurs) <= 2 < len(rangs)


def test_l_enveloppe_qui_ne_designe_aucun_contrat_dit_qu_elle_sert_a_toutes_les_echelles():
    feuilles = Enveloppe.objects.filter(parent__isnull=False, contrat=None)
    assert set(feuilles.values_list("libelle", flat=True)) == {"Toutes échelles"}


def test_une_seule_enveloppe_par_departement_est_sur_programmee_et_dit_pourquoi():
    lues = barres(Enveloppe.objects.all())
    assert len({barre.plafond for barre in lues.values()}) > 10
    depassees = Enveloppe.objects.filter(pk__in=[pk for pk, barre in lues.items() if barre.sur_programmation])
    assert sorted(depassees.values_list("exercice__departement__code", "exercice__annee")) == [
        ("14", 2026),
        ("30", 2026),
    ]
    depassements = Decision.objects.filter(depassement__isnull=False)
    assert {(d.enveloppe, d.depassement) for d in depassements} == {(e, euros(500)) for e in depassees}


def test_les_montants_sont_ronds_et_plausibles():
    """De 300 € à 60 000 €, les PRE et les dossiers scindés à part."""
    lignes = Financement.objects.p147().filter(action__dispositif__est_pre=False)
    montants = [demande for demande in lignes.values_list("demande", flat=True) if demande % 100 == 0]
    assert len(montants) > lignes.count() * 0.95
    assert min(montants) >= 300
    assert max(montants) < 150_000


def test_chaque_sorte_d_anomalie_a_ses_exemples():
    """Sauf celle dont le délai n'est fixé par aucune source."""
    for controle in (controle for controle in CONTROLES if controle.code != "paiement_attendu"):
        trouvees = controle.parmi(Action.objects.all()).count()
        assert 0 < trouvees < Action.objects.count() / 10, controle.nom


def test_toutes_les_natures_de_decision_sont_prises():
    assert set(Decision.objects.values_list("nature", flat=True)) == set(NatureDecision.values)


def test_des_cpo_des_reconduites_et_des_dossiers_sur_deux_contrats():
    assert PrevisionPluriannuelle.objects.exists()
    cpo = Action.objects.filter(cpo_rang=2).select_related("action_precedente")
    assert cpo
    assert all(a.dossier == a.action_precedente.dossier and a.tranche == 2 for a in cpo)
    par_dossier = {}
    for exercice, dossier, contrat in Action.objects.exclude(dossier=None).values_list(
        "exercice", "dossier", "contrat"
    ):
        par_dossier.setdefault((exercice, dossier), set()).add(contrat)
    assert any(len(contrats) == 2 for contrats in par_dossier.values())


def test_tous_les_invariants_tiennent():
    sortie = StringIO()
    call_command("verifier", stdout=sortie)
    assert sortie.getvalue() == ""


# --- Les dispositifs ---


def test_les_postes_publies_du_calvados_sont_charges_par_l_import():
    assert ReleveAnct.objects.count() == 161
    assert ReleveFonjep.objects.count() == 91
    lots = Lot.objects.order_by("pk").values_list("modele", "departement__code", "etat", "auteur__courriel")
    agent = "agent.calvados@demo.example"
    assert list(lots) == [("adultes-relais", "14", "applique", agent), ("fonjep", "14", "applique", agent)]
    assert not ConventionAdulteRelais.objects.filter(poste__departement__code="14").exists()  # rien n'est inventé


def test_les_postes_inventes_du_gard_ont_des_echeances_a_venir_une_vacance_et_un_avenant():
    mois = timezone.localdate().replace(day=1)
    fins = ConventionAdulteRelais.objects.filter(poste__departement__code="30").order_by("fin")
    assert [c.fin for c in fins[:3]] == [decaler_de_mois(mois, n + 1) - UN_JOUR for n in (2, 5, 10)]
    assert Occupation.objects.filter(etat="vacant").count() == 1
    assert AvenantAdulteRelais.objects.get().quotite == 80
    assert QuotaAdulteRelais.objects.get().postes_notifies == 8
    postes = PosteFonjep.objects.filter(departement__code="30")
    assert sorted(postes.values_list("code", flat=True)) == ["FICTIF01", "FICTIF02"]


def test_deux_reussites_educatives_sont_suivies_et_leurs_actions_comptees_une_fois():
    assert SuiviPre.objects.count() == ActionDuSuivi.objects.count() == 4
    for suivi in SuiviPre.objects.select_related("exercice"):
        effectifs = dict(suivi.effectifs.filter(axe="age_sexe").values_list("modalite", "nombre"))
        assert suivi.enfants_suivis == 180
        assert sum(effectifs.values()) == (180 if suivi.exercice.annee == 2025 else 0)
    programmes = ProgrammeReussiteEducative.objects.values_list("contrat__departement__code", flat=True)
    assert (list(programmes).count("14"), list(programmes).count("30")) == (4, 7)


# --- Ce qui se voit fictif ---


def test_les_porteurs_ont_des_siren_que_personne_ne_possede():
    """Les employeurs des postes publiés, eux, sont réels, et ne portent aucune action."""
    porteurs = Organisme.objects.exclude(siren=None).exclude(actions=None)
    assert all(siren.startswith("000") for siren in porteurs.values_list("siren", flat=True))
    publies = Organisme.objects.filter(postes_adultes_relais__departement__code="14")
    assert publies.exists()
    assert not publies.exclude(actions=None).exists()
    for siret, siren in Etablissement.objects.values_list("siret", "organisme__siren"):
        assert siret.startswith(siren)
    for organisme in Organisme.objects.all()[:20]:
        organisme.full_clean()


def test_les_dossiers_dauphin_commencent_par_neuf():
    dossiers = Action.objects.exclude(dossier=None).values_list("dossier", flat=True)
    assert all(re.fullmatch(r"9\d{7}", dossier) for dossier in dossiers)


def test_les_intitules_sont_ecrits_en_francais_et_varies():
    for code in ("14", "30"):
        intitules = list(actions(code, 2025).values_list("intitule", flat=True))
        distincts = set(intitules)
        assert len(distincts) >= len(intitules) - 3  # les dossiers scindés gardent leur intitulé
        fautes = re.compile(r"[{}]| à le | à les | de le |de les |  | dans dans |'")
        assert not [intitule for intitule in distincts if fautes.search(intitule)]


@pytest.mark.parametrize(
    ("lieu", "a", "de"),
    [
        (Lieu("le Chemin Vert"), "au Chemin Vert", "du Chemin Vert"),
        (Lieu("la Guérinière"), "à la Guérinière", "de la Guérinière"),
        (Lieu("les Costières"), "aux Costières", "des Costières"),
        (Lieu("l’Écusson"), "à l’Écusson", "de l’Écusson"),
        (Lieu("Hauteville"), "à Hauteville", "de Hauteville"),
        (Lieu("Hérouville-Saint-Clair"), "à Hérouville-Saint-Clair", "d’Hérouville-Saint-Clair"),
        (Lieu("Alès"), "à Alès", "d’Alès"),
        (
            Lieu("le quartier de la route de Beaucaire"),
            "dans le quartier de la route de Beaucaire",
            "du quartier de la route de Beaucaire",
        ),
        (lieu_de_la_ville("Nîmes"), "dans les quartiers de Nîmes", "des quartiers de Nîmes"),
        (lieu_du_contrat("CN01402M"), "dans le pays de Honfleur", "du pays de Honfleur"),
    ],
)
def test_un_lieu_se_dit_avec_sa_preposition(lieu, a, de):
    assert (lieu.a, lieu.de) == (a, de)


# --- Les comptes ---


def test_un_compte_par_role_au_moins_avec_un_mot_de_passe_recevable():
    validate_password(MOT_DE_PASSE)
    assert set(Habilitation.objects.values_list("role", flat=True)) == set(Role.values)
    for compte in COMPTES:
        utilisateur = Utilisateur.objects.get(courriel=compte.courriel)
        assert utilisateur.check_password(MOT_DE_PASSE)
        assert utilisateur.is_staff == utilisateur.is_superuser == (compte.role is None)


def test_chaque_compte_voit_ce_que_son_role_lui_ouvre():
    def vues(identifiant):
        return Action.objects.visibles_par(Utilisateur.objects.get(courriel=f"{identifiant}@demo.example"))

    assert set(vues("agent.gard").values_list("exercice__departement__code", flat=True)) == {"30"}
    assert vues("lecteur.national").count() == Action.objects.count()
    assert set(vues("ville.caen").values_list("contrat__code", flat=True)) == {"CN01403M", "CV051"}
    caf = vues("caf.calvados")
    lignes = Financement.objects.filter(action__in=caf, financeur__nom="CAF du Calvados")
    assert caf.count() == lignes.count() > 0
    assert not vues("admin").exists()


def test_le_bandeau_est_sur_chaque_page_de_la_demonstration():
    client = Client()
    assert DONNEES_FICTIVES in client.get(reverse("comptes:login")).text
    assert DONNEES_FICTIVES in client.get("/page-inconnue/").text
    client.force_login(Utilisateur.objects.get(courriel="agent.calvados@demo.example"))
    assert DONNEES_FICTIVES in client.get(reverse("comptes:compte")).text
    client.force_login(Utilisateur.objects.get(courriel="admin@demo.example"))
    assert DONNEES_FICTIVES in client.get(reverse("admin:index")).text


def test_une_vraie_personne_ne_lit_pas_de_bandeau(client):
    client.force_login(UtilisateurFactory(courriel="personne@exemple.test"))
    assert DONNEES_FICTIVES not in client.get(reverse("comptes:compte")).text


# --- Rejouer ---


def test_recharger_ne_touche_a_rien():
    avant = (Action.objects.count(), Decision.objects.count(), Utilisateur.objects.count())
    agent = Utilisateur.objects.get(courriel="agent.calvados@demo.example")
    Utilisateur.objects.filter(pk=agent.pk).update(nom="Saisi depuis")
    sortie = StringIO()

    call_command("charger_demonstration", stdout=sortie)

    assert (Action.objects.count(), Decision.objects.count(), Utilisateur.objects.count()) == avant
    agent.refresh_from_db()
    assert agent.nom == "Saisi depuis"
    assert "déjà là" in sortie.getvalue()
    assert all(compte.courriel in sortie.getvalue() for compte in COMPTES)
    assert MOT_DE_PASSE in sortie.getvalue()


def test_jamais_en_production(settings):
    settings.EN_PRODUCTION = True
    with pytest.raises(CommandError, match="MODE=production"):
        call_command("charger_demonstration")


def test_l_anct_a_une_ligne_par_action_decidee():
    decidees = Action.objects.decidees().distinct().count()
    lignes = Financement.objects.filter(famille=FamilleFinanceur.ANCT_P147, action__in=Action.objects.decidees())
    assert lignes.count() == decidees
