"""Les écrans des PRE : ce que la liste et les fiches montrent, taisent et totalisent, et ce que la saisie refuse."""

import csv
from datetime import date
from io import BytesIO, StringIO
from types import SimpleNamespace

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from comptes.enums import Role
from dispositifs import operations
from dispositifs.controles import anomalies_des_pre
from dispositifs.enums import AxeEffectif, NaturePorteurPre
from dispositifs.models import ActionDuSuivi, EffectifPre, ProgrammeReussiteEducative, ReperePre, SuiviPre
from dispositifs.operations import SaisieDeProgramme, SaisieDeSuivi
from dispositifs.synthese import MASQUE, feuille_de_suivi, lignes_de_pre
from dispositifs.synthese.pre import effectifs_affiches
from dispositifs.synthese.suivi_pre import feuille as feuille_masquee
from programmation.enums import Droit, FamilleFinanceur, FormeOrganisme, StatutAction
from programmation.models import Action, PartenaireFinanceur
from territoires.enums import ObjetAnnonce
from territoires.models import NombreAnnonce
from tests.dispositifs.fabriques import BudgetPreFactory, ProgrammeFactory, SuiviPreFactory
from tests.fabriques import (
    ActionFactory,
    CommuneFactory,
    ContratFactory,
    DepartementFactory,
    DispositifFactory,
    ExerciceFactory,
    FinanceurFactory,
    OrganismeFactory,
    QuartierFactory,
    euros,
    habiliter,
    p147,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

LISTE = "/dispositifs/pre/"
AGES = AxeEffectif.AGE_ET_SEXE


@pytest.fixture
def monde():
    """Deux PRE du Calvados en 2026 : celui de Caen a sa feuille, celui de Colombelles est hors de la géographie."""
    m = SimpleNamespace(exercice=ExerciceFactory())
    m.calvados = m.exercice.departement
    m.contrat = ContratFactory(intitule="Caen la mer")
    m.caen, m.colombelles = CommuneFactory(nom="Caen"), CommuneFactory(nom="Colombelles")
    m.contrat.communes.set([m.caen, m.colombelles])
    m.quartier = QuartierFactory(contrat=m.contrat, communes=[m.caen])
    m.ccas = OrganismeFactory(nom="CCAS de Caen", droit=Droit.PUBLIC, forme=FormeOrganisme.CCAS)
    m.pre = ProgrammeFactory(intitule="PRE de Caen", contrat=m.contrat, structure=m.ccas, communes=[m.caen])
    m.sorti = ProgrammeFactory(intitule="PRE de Colombelles", contrat=m.contrat, communes=[m.colombelles])
    m.anct, m.ville = FinanceurFactory(p147=True), FinanceurFactory(nom="Ville de Caen")
    m.action = action_pre(m, intitule="Parcours de réussite", accorde="60000,50")
    m.suivi = SuiviPreFactory(programme=m.pre, enfants_suivis=130, nouveaux=40, sortis=3, en_qpv=128)
    ActionDuSuivi.objects.create(suivi=m.suivi, action=m.action)
    BudgetPreFactory(suivi=m.suivi, financeur=m.anct, montant=euros("60000,50"))
    BudgetPreFactory(suivi=m.suivi, financeur=m.ville, montant=euros("39999,50"))
    NombreAnnonce.objects.create(
        departement=m.calvados, objet=ObjetAnnonce.PRE, nombre=4, date=date(2022, 4, 28), source="calvados.gouv.fr"
    )
    m.agent = habiliter(Role.AGENT, departement=m.calvados)
    return m


def action_pre(m, accorde=None, **champs):
    statut = StatutAction.PROGRAMMEE if accorde else StatutAction.DEPOSEE
    options = {"exercice": m.exercice, "contrat": m.contrat, "statut": statut} | champs
    action = ActionFactory(dispositif=DispositifFactory(pre=True), **options)
    p147(action, demande=70000, accorde=accorde)
    return action


def ouvrir(client, utilisateur, adresse=LISTE, **parametres):
    client.force_login(utilisateur)
    return client.get(adresse, parametres)


def feuille(m):
    return f"{LISTE}{m.pre.pk}/2026/"


def saisie(m, version="", **champs):
    """Ce que le navigateur envoie : le budget compte deux lignes, vides sans précision."""
    lignes = champs.pop("budget", [])
    donnees = {"version": version, "budget-TOTAL_FORMS": len(lignes) + 1, "budget-INITIAL_FORMS": 0}
    for rang, (financeur, montant) in enumerate(lignes):
        donnees |= {f"budget-{rang}-financeur": financeur, f"budget-{rang}-montant": montant}
    return donnees | champs


def envoyer(client, m, utilisateur=None, adresse=None, **champs):
    client.force_login(utilisateur or m.agent)
    return client.post(adresse or f"{feuille(m)}saisir/", saisie(m, **champs))


# --- La liste ---


def test_la_liste_montre_chaque_pre_avec_sa_feuille_et_ses_totaux(client, monde):
    page = ouvrir(client, monde.agent)
    assert textes(page, "//tbody/tr/th/a[1]") == ["PRE de Caen", "PRE de Colombelles"]
    assert textes(page, "//tbody/tr[1]/td") == [
        "Caen la mer",
        "CCAS de Caen",
        "130",
        "—",
        MASQUE,  # 128 habitants des QPV sur 130 laisseraient voir les 2 autres
        "100 000,00 €",
        "769,23 €",
        "60 000,50 €",
        "—",
    ]
    assert textes(page, "//tbody/tr[2]/td")[2:] == ["—"] * 7
    assert textes(page, "//tfoot//td") == [
        "",
        "",
        "130 1 non renseigné",
        "— 2 non renseignés",
        "— 1 n. c. 1 non renseigné",
        "100 000,00 € 1 non renseigné",
        "",
        "60 000,50 € 1 non renseigné",
        "",
    ]


def test_la_liste_dit_enregistres_annonces_et_sortis_de_la_geographie(client, monde):
    (phrase,) = textes(ouvrir(client, monde.agent), "//main/ul[1]/li")
    assert phrase == (
        "Calvados (14) : 2 PRE enregistrés sur 4 annoncés (calvados.gouv.fr, 28/04/2022) Sorti de la géographie "
        "PRE de Colombelles : pas de quartier prioritaire en 2026."
    )


def test_la_liste_se_filtre(client, monde):
    autre = ContratFactory(intitule="Lisieux")
    ProgrammeFactory(intitule="PRE de Lisieux", contrat=autre)
    ProgrammeFactory(intitule="PRE fermé", ferme_le=date(2025, 8, 31))
    for parametres, attendus in (
        ({"contrat": autre.pk}, ["PRE de Lisieux"]),
        ({"q": "COLOMBELLES"}, ["PRE de Colombelles"]),
        ({"q": "ccas caen"}, ["PRE de Caen"]),
        ({"q": "ccas lisieux"}, []),
        ({"contrat": "inconnu"}, []),
    ):
        assert textes(ouvrir(client, monde.agent, **parametres), "//tbody/tr/th/a[1]") == attendus


def test_l_export_est_la_liste_masquee_de_meme(client, monde):
    brut = b"".join(ouvrir(client, monde.agent, format="csv").streaming_content).decode("utf-8-sig")
    titres, caen, colombelles = csv.reader(StringIO(brut), delimiter=";")
    ligne = dict(zip(titres, caen, strict=True))
    assert (ligne["Programme"], ligne["Communes"], ligne["Enfants suivis"]) == ("PRE de Caen", "Caen", "130")
    assert (ligne["dont nouveaux"], ligne["dont sortis"], ligne["dont habitants des QPV"]) == ("40", MASQUE, MASQUE)
    assert (ligne["Coût par enfant"], ligne["P147 accordé (actions liées)"]) == ("769,23", "60000,50")
    assert colombelles[4:] == [""] * 9
    fichier = BytesIO(b"".join(ouvrir(client, monde.agent, format="xlsx").streaming_content))
    livre = openpyxl.load_workbook(fichier)
    assert [cellule.value for cellule in livre["PRE"][2]][4:9] == [130, 40, MASQUE, None, MASQUE]
    assert ("Total : Enfants suivis", "130, 1 non renseigné") in list(livre["Lecture"].values)


def test_une_action_de_pre_programmee_sans_feuille_est_nommee_a_l_etat_seul(client, monde):
    action_pre(monde, intitule="Oubliée", accorde="1000")
    action_pre(monde, intitule="Pas encore décidée")
    page = ouvrir(client, monde.agent)
    assert "1 action de réussite éducative programmée n’est dans aucune feuille annuelle :" in textes(page, "//main/p")
    assert textes(page, "//h2[.='À lier à une feuille']/following-sibling::ul[1]/li/a") == ["Oubliée"]
    partenaire = habiliter(Role.PARTENAIRE, contrat=monde.contrat)
    assert "Oubliée" not in ouvrir(client, partenaire).content.decode()


@pytest.mark.parametrize("format", ["", "csv"])
def test_la_liste_lit_autant_de_fois_la_base_pour_1_et_pour_3_pre(client, monde, format):
    ProgrammeReussiteEducative.objects.filter(pk=monde.sorti.pk).delete()
    client.force_login(monde.agent)
    nombre = compter(client, format)
    for _ in range(2):
        pre = ProgrammeFactory(contrat=ContratFactory(), communes=[monde.caen, monde.colombelles])
        suivi = SuiviPreFactory(programme=pre)
        BudgetPreFactory(suivi=suivi)
        ActionDuSuivi.objects.create(suivi=suivi, action=action_pre(monde, contrat=pre.contrat, accorde="1000"))
    assert compter(client, format) == nombre


def compter(client, format="", adresse=LISTE):
    with CaptureQueriesContext(connection) as requetes:
        reponse = client.get(adresse, {"format": format})
        assert b"".join(reponse.streaming_content if format else [reponse.content])
    return len(requetes)


# --- Les fiches ---


def test_la_feuille_tait_les_petits_effectifs_et_dit_ce_qui_manque(client, monde):
    for modalite, nombre in zip(AGES.modalites, [10, 12, 3, 20, 30, 35, 10, 10], strict=True):
        EffectifPre.objects.create(suivi=monde.suivi, axe=AGES, modalite=modalite, nombre=nombre)
    page = ouvrir(client, monde.agent, feuille(monde))
    ages = "//table[caption='Âge et sexe']"
    assert textes(page, f"{ages}/tbody/tr[2]/td") == [MASQUE, MASQUE, "23"]
    assert textes(page, f"{ages}/tbody/tr[1]/td") == [MASQUE, MASQUE, "22"]  # 10 rendrait 3 par la colonne
    assert textes(page, f"{ages}/tfoot//td") == ["53", "77", "130"]
    assert textes(page, "//table[caption='Prescripteurs']/tbody/tr/td") == ["—"] * 5
    assert textes(page, "//dt[.='Sortis']/following-sibling::dd[1]") == [MASQUE]
    assert textes(page, "//table[caption='Actions liées à la feuille']/tfoot//td") == ["60 000,50 €"]


def test_un_axe_incomplet_dont_le_reste_est_petit_est_tu_en_entier(monde):
    for modalite, nombre in zip(AGES.modalites, [60, 67], strict=False):
        EffectifPre.objects.create(suivi=monde.suivi, axe=AGES, modalite=modalite, nombre=nombre)
    ages = feuille_de_suivi(monde.suivi, Action.objects.all()).ages
    assert ages.lignes == ((MASQUE, MASQUE), (None, None), (None, None), (None, None))  # 130 − 127 = 3 plus âgés
    assert ages.total is None
    EffectifPre.objects.filter(nombre=67).update(nombre=60)
    assert feuille_de_suivi(monde.suivi, Action.objects.all()).ages.lignes[0] == (60, 60)


@pytest.mark.parametrize(
    ("sortis", "nouveaux", "attendus"),
    [
        (2, 30, (MASQUE, MASQUE)),  # 102 + 30 − 130 = 2
        (30, 3, (MASQUE, MASQUE)),
        (30, 58, (30, 58)),
        (2, None, (MASQUE, None)),
        (None, 3, (None, MASQUE)),
        (None, 30, (None, MASQUE)),  # 102 + 30 − 130 = 2 sortis, que l'agent n'a pas saisis
        (30, None, (30, None)),  # 130 + 30 − 102 = 58 nouveaux, non saisis
        (None, 58, (None, 58)),
        (None, 20, (None, 20)),  # 102 + 20 − 130 < 0 : les années se contredisent, rien ne se retrouve
    ],
)
def test_les_sortis_d_une_annee_ne_se_retrouvent_pas_par_les_nouveaux_de_la_suivante(
    client, monde, sortis, nouveaux, attendus
):
    SuiviPreFactory(
        programme=monde.pre, exercice=ExerciceFactory(annee=2025), enfants_suivis=102, nouveaux=2, sortis=sortis
    )
    SuiviPre.objects.filter(pk=monde.suivi.pk).update(nouveaux=nouveaux, sortis=None)
    textuels = ["—" if n is None else str(n) for n in attendus]
    page = ouvrir(client, monde.agent, f"{LISTE}{monde.pre.pk}/")
    assert textes(page, "//tbody/tr[2]/td") == [MASQUE, textuels[1]]
    assert textes(page, "//tbody/tr[3]/td") == [textuels[0], "—"]
    page = ouvrir(client, monde.agent, feuille(monde))  # une seule année à l'écran
    assert textes(page, "//dt[.='Nouveaux']/following-sibling::dd[1]") == [textuels[1]]
    sien = ProgrammeReussiteEducative.objects.filter(pk=monde.pre.pk)
    (ligne,) = lignes_de_pre(sien, 2025, Action.objects.all())
    assert ligne.effectifs["sortis"] == attendus[0]


def test_le_cout_par_enfant_se_lit_a_cote_des_reperes_dates(client, monde):
    ReperePre.objects.create(
        annee=2014, perimetre="tous financeurs", cout=euros(100000000), enfants=104000, source="Sénat"
    )
    page = ouvrir(client, monde.agent, feuille(monde))
    assert "769,23 €" in textes(page, "//div[@class='pv-chiffre']/p[2]")
    assert textes(page, "//h2[.='Repères nationaux']/following-sibling::ul[1]/li") == [
        "2014, tous financeurs : 961,54 € par enfant (100 000 000,00 € pour 104 000 enfants). Sénat"
    ]


def test_la_fiche_met_les_annees_cote_a_cote(client, monde):
    SuiviPreFactory(programme=monde.pre, exercice=ExerciceFactory(annee=2025), enfants_suivis=4)
    page = ouvrir(client, monde.agent, f"{LISTE}{monde.pre.pk}/")
    assert textes(page, "//thead//th") == ["Indicateur", "2025", "2026"]
    assert textes(page, "//tbody/tr[1]/td") == [MASQUE, "130"]
    assert textes(page, "//tbody/tr[7]/td") == ["—", "769,23 €"]


def test_les_fiches_et_la_saisie_lisent_autant_de_fois_la_base_pour_1_et_pour_3_annees_actions_et_financeurs(
    client, monde
):
    adresses = [f"{LISTE}{monde.pre.pk}/", feuille(monde), f"{feuille(monde)}saisir/"]
    client.force_login(monde.agent)
    avant = [compter(client, adresse=adresse) for adresse in adresses]
    for annee in (2024, 2025):
        SuiviPreFactory(programme=monde.pre, exercice=ExerciceFactory(annee=annee))
        BudgetPreFactory(suivi=monde.suivi)
        ActionDuSuivi.objects.create(suivi=monde.suivi, action=action_pre(monde, accorde="1000"))
    assert [compter(client, adresse=adresse) for adresse in adresses] == avant


def test_l_histoire_ne_dit_aucun_effectif_et_n_est_qu_a_l_etat(client, monde):
    valeurs = {"enfants_suivis": "133", "nouveaux": "40", "age_sexe_2_5f": "3", "etp_referents": "2,5"}
    reponse = envoyer(client, monde, version=1, actions=[monde.action.pk], **valeurs)
    assert reponse.status_code == 302
    page = ouvrir(client, monde.agent, feuille(monde))
    changements = textes(page, "//ol[contains(@class,'pv-histoire')]/li[1]//li")
    assert sorted(changements) == [
        "Budget, ANCT – P147 : retiré",
        "Budget, Ville de Caen : retiré",
        "Dont habitants des QPV : modifié",
        "ETP de référents de parcours : — → 2,50",
        "Effectifs, âge et sexe : modifié",
        "Enfants suivis : modifié",
        "Sortis : modifié",
    ]
    partenaire = habiliter(Role.PARTENAIRE, contrat=monde.contrat)
    page = ouvrir(client, partenaire, feuille(monde))
    assert (page.status_code, textes(page, "//h2[.='Historique']")) == (200, [])
    assert textes(page, "//h2[.='À regarder']") == []


CASE = st.one_of(st.none(), st.integers(0, 40))


PARTAGE = st.lists(CASE, min_size=8, max_size=8)


@given(ages=PARTAGE, total_saisi=st.booleans(), reste=st.integers(0, 60), part=st.integers(0, 400))
def test_jamais_un_petit_nombre_ne_sort_ni_ne_se_retrouve_par_le_total_des_enfants(ages, total_saisi, reste, part):
    """Le total se connaît par les enfants suivis ou, sans eux, par les prescripteurs."""
    connus = [n for n in ages if n is not None]
    complet = len(connus) == 8
    total = sum(connus) + (0 if complet else reste)
    cases = {(AGES, m): n for m, n in zip(AGES.modalites, ages, strict=True) if n is not None}
    cases[AxeEffectif.DOMAINE, "sante"] = part = min(part, total)
    cases |= {} if total_saisi else prescrits(total)
    suivi = SuiviPre(enfants_suivis=total if total_saisi else None, en_qpv=part)
    masquee = feuille_masquee(suivi, effectifs_affiches(suivi, total), cases, [], [])
    sortis = [n for ligne in masquee.ages.lignes for n in ligne]
    assert all(n >= 5 for n in sortis if isinstance(n, int))
    assert [n is None for n in sortis] == [n is None for n in ages]
    montres = [n for n in sortis if isinstance(n, int)]
    if not complet and montres:
        assert total - sum(montres) >= 5
    sante = next(d.nombre for d in masquee.domaines if d.nombre is not None)
    tue = part < 5 or 0 < total - part < 5
    assert sante == masquee.effectifs["en_qpv"] == (MASQUE if tue else part)


def prescrits(total):
    """Un axe complet qui fait ce total."""
    axe = AxeEffectif.PRESCRIPTEUR
    return {(axe, m): total if m == axe.modalites[0] else 0 for m in axe.modalites}


def test_sans_enfants_suivis_un_axe_complet_ne_rend_aucun_petit_nombre(client, monde):
    """62 enfants par les âges : 60 en QPV, 61 en parcours, 59 en santé et 40 + 20 prescrits en rendraient 2, 1, 3, 2."""
    SuiviPre.objects.update(enfants_suivis=None, nouveaux=50, sortis=None, en_qpv=60, parcours_individualises=61)
    cases = dict(zip([(AGES, m) for m in AGES.modalites], [10, 12, 10, 10, 5, 5, 5, 5], strict=True))
    cases |= {(AxeEffectif.DOMAINE, "sante"): 59, (AxeEffectif.DOMAINE, "scolarite"): 50}
    cases |= {(AxeEffectif.PRESCRIPTEUR, "ecole"): 40, (AxeEffectif.PRESCRIPTEUR, "famille"): 20}
    for (axe, modalite), nombre in cases.items():
        EffectifPre.objects.create(suivi=monde.suivi, axe=axe, modalite=modalite, nombre=nombre)
    lue = feuille_de_suivi(SuiviPre.objects.get(), Action.objects.all())
    tus = {"en_qpv": MASQUE, "parcours_individualises": MASQUE}
    assert lue.effectifs == {"enfants_suivis": None, "nouveaux": 50, "sortis": None} | tus
    assert lue.ages.total == 62
    assert [d.nombre for d in lue.domaines if d.nombre] == [MASQUE, 50]
    assert [p.nombre for p in lue.prescripteurs if p.nombre] == [MASQUE, MASQUE]
    page = ouvrir(client, monde.agent)
    assert textes(page, "//tbody/tr[1]/td")[2:5] == ["—", MASQUE, MASQUE]
    brut = b"".join(ouvrir(client, monde.agent, format="csv").streaming_content).decode("utf-8-sig")
    titres, caen, _ = csv.reader(StringIO(brut), delimiter=";")
    ligne = dict(zip(titres, caen, strict=True))
    assert (ligne["dont nouveaux"], ligne["dont habitants des QPV"]) == ("50", MASQUE)


# --- Les contrôles ---


def codes(programme, annee=2026):
    parmi = ProgrammeReussiteEducative.objects.filter(pk=programme.pk)
    return [c.code.removeprefix("pre_") for c in anomalies_des_pre(parmi, annee)[programme.pk]]


def test_les_controles_nomment_ce_qui_manque_et_ce_qui_differe(monde, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert codes(monde.pre) == ["effectifs_incomplets"]
    assert codes(monde.sorti) == ["hors_geographie", "sans_suivi"]
    for modalite, nombre in zip(AGES.modalites, [10, 12, 3, 20, 30, 35, 10, 10], strict=True):
        EffectifPre.objects.create(suivi=monde.suivi, axe=AGES, modalite=modalite, nombre=nombre)
    assert codes(monde.pre) == []
    monde.suivi.budgets.filter(financeur=monde.anct).update(montant=euros("60000,49"))
    assert codes(monde.pre) == ["p147_different"]
    monde.suivi.budgets.filter(financeur=monde.anct).delete()
    assert codes(monde.pre) == ["p147_different"]
    monde.suivi.liens.all().delete()
    assert codes(monde.pre) == ["sans_action"]
    monde.suivi.budgets.all().delete()
    assert codes(monde.pre) == ["sans_action", "sans_budget"]


def test_le_bilan_d_une_annee_finie_est_attendu(monde):
    en_2024 = SuiviPreFactory(programme=monde.pre, exercice=ExerciceFactory(annee=2024))
    assert "bilan_attendu" in codes(monde.pre, 2024)
    en_2024.bilan_recu_le = date(2025, 3, 1)
    en_2024.save()
    assert "bilan_attendu" not in codes(monde.pre, 2024)


# --- Saisir une feuille ---


def test_une_feuille_se_saisit_en_un_ecran(client, monde):
    exercice = ExerciceFactory(annee=2025)
    action = action_pre(monde, exercice=exercice)
    ages = {
        f"age_sexe_{m.replace('-', '_').replace('+', '')}": n
        for m, n in zip(AGES.modalites, range(10, 18), strict=True)
    }
    reponse = envoyer(
        client,
        monde,
        adresse=f"{LISTE}{monde.pre.pk}/2025/saisir/",
        enfants_suivis="108",
        sortis="0",
        etp_coordonnateur="0,5",
        bilan_recu_le="2026-03-15",
        domaine_sante="60",
        prescripteur_ecole="100",
        prescripteur_famille="8",
        actions=[action.pk],
        budget=[(monde.anct.pk, "70 000,00 €"), (monde.ville.pk, "1234,5")],
        **ages,
    )
    assert (reponse.status_code, reponse.url) == (302, f"{LISTE}{monde.pre.pk}/2025/")
    suivi = SuiviPre.objects.get(exercice=exercice)
    assert (suivi.enfants_suivis, suivi.nouveaux, suivi.sortis, suivi.version) == (108, None, 0, 1)
    assert (str(suivi.etp_coordonnateur), suivi.etp_referents, suivi.bilan_recu_le) == ("0.50", None, date(2026, 3, 15))
    assert sorted(suivi.effectifs.values_list("nombre", flat=True)) == [8, *range(10, 18), 60, 100]
    assert {b.financeur: b.montant for b in suivi.budgets.all()} == {
        monde.anct: euros(70000),
        monde.ville: euros("1234,50"),
    }
    assert suivi.liens.get().action == action
    assert suivi.history.get().history_user == monde.agent


def test_la_saisie_montre_a_l_agent_les_vrais_nombres_et_revient_telle_quelle(client, monde):
    EffectifPre.objects.create(suivi=monde.suivi, axe=AGES, modalite="17+g", nombre=2)
    page = ouvrir(client, monde.agent, f"{feuille(monde)}saisir/")
    champs = {c.get("name"): c.get("value", "") for c in noeuds(page, "//form[@method='post']//input")}
    assert (champs["sortis"], champs["age_sexe_17g"], champs["age_sexe_17f"]) == ("3", "2", "")
    envoi = {nom: valeur for nom, valeur in champs.items() if not nom.startswith("csrf")}
    envoi |= {f"budget-{rang}-financeur": f.pk for rang, f in enumerate([monde.anct, monde.ville])}
    assert client.post(f"{feuille(monde)}saisir/", envoi).status_code == 302
    monde.suivi.refresh_from_db()
    assert monde.suivi.version == 1  # rien n'a changé


PARTAGE_SANS_TOTAL = {
    f"age_sexe_{m.replace('-', '_').replace('+', '')}": n
    for m, n in zip(AGES.modalites, [10, 12, 10, 10, 5, 5, 5, 5], strict=True)
}
SELON_LES_AGES = "mais 62 selon « Âge et sexe » : indiquer les enfants suivis, ou corriger."


def test_ce_qui_est_mal_saisi_se_dit_au_champ_et_n_ecrit_rien(client, monde):
    ailleurs = SuiviPreFactory(programme=monde.sorti)
    prise = action_pre(monde, intitule="Prise")
    ActionDuSuivi.objects.create(suivi=ailleurs, action=prise)
    etrangere = action_pre(monde, contrat=ContratFactory())
    for champ, valeurs, message in (
        (
            "en_qpv",
            {"enfants_suivis": "10", "en_qpv": "11"},
            "« Dont habitants des QPV » : 11 enfants, pour 10 suivis.",
        ),
        (
            "age_sexe_2_5f",
            {"enfants_suivis": "10", "age_sexe_2_5f": "6", "age_sexe_6_10g": "5"},
            "« Âge et sexe » : 11 enfants, pour 10 suivis.",
        ),
        ("domaine_sante", {"enfants_suivis": "10", "domaine_sante": "11"}, "« Domaine » : 11 enfants, pour 10 suivis."),
        (
            "en_qpv",
            PARTAGE_SANS_TOTAL | {"en_qpv": "500"},
            f"« Dont habitants des QPV » : 500 enfants, {SELON_LES_AGES}",
        ),
        ("domaine_sante", PARTAGE_SANS_TOTAL | {"domaine_sante": "63"}, f"« Domaine » : 63 enfants, {SELON_LES_AGES}"),
        (
            "prescripteur_ecole",
            PARTAGE_SANS_TOTAL | {"prescripteur_ecole": "100", "prescripteur_famille": "25"},
            f"« Prescripteur » : 125 enfants, {SELON_LES_AGES}",
        ),
        (
            "enfants_suivis",
            PARTAGE_SANS_TOTAL | {"enfants_suivis": "dix", "en_qpv": "63"},
            "« Enfants suivis » est un nombre entier : écrire des chiffres, par exemple 12.",
        ),
        ("actions", {"actions": [prise.pk]}, "« Prise » est déjà dans le suivi de PRE de Colombelles en 2026."),
        (
            "actions",
            {"actions": [etrangere.pk]},
            "Cette action n’est pas une action de réussite éducative du contrat et de l’exercice de ce PRE.",
        ),
        (
            "etp_referents",
            {"etp_referents": "-1"},
            "« -1 » est trop petit pour « ETP de référents de parcours » : écrire au moins 0.",
        ),
        (
            "nouveaux",
            {"nouveaux": "beaucoup"},
            "« Nouveaux » est un nombre entier : écrire des chiffres, par exemple 12.",
        ),
        ("budget-0-montant", {"budget": [(monde.ville.pk, "")]}, "Indiquer le montant, ou retirer le financeur."),
        ("budget-0-financeur", {"budget": [("", "10")]}, "Choisir le financeur de cette ligne."),
        (
            "budget-1-financeur",
            {"budget": [(monde.ville.pk, "1"), (monde.ville.pk, "2")]},
            "Ce financeur est déjà dans le budget : réunir les lignes.",
        ),
    ):
        page = envoyer(client, monde, version=1, **valeurs)
        assert page.status_code == 200
        assert textes(page, f"//*[@id='id_{champ}_error']") == [message]
        assert len(noeuds(page, "//form//*[substring(@id, string-length(@id) - 5) = '_error']")) == 1
    monde.suivi.refresh_from_db()
    assert (monde.suivi.version, monde.suivi.budgets.count(), EffectifPre.objects.count()) == (1, 2, 0)


def lu_sur(client, utilisateur, adresse):
    """Ce que la page dit avoir montré, que le navigateur renvoie avec la saisie."""
    return noeuds(ouvrir(client, utilisateur, adresse), "//input[@name='lu']/@value")[0]


def test_deux_personnes_qui_saisissent_la_meme_feuille_choisissent(client, monde):
    lu = lu_sur(client, monde.agent, f"{feuille(monde)}saisir/")
    operations.enregistrer_un_suivi(SaisieDeSuivi({"nouveaux": 50, "reunions": 9}, monde.suivi, 1), par=monde.agent)
    envoi = {
        "lu": lu,
        "enfants_suivis": "130",
        "nouveaux": "41",
        "sortis": "3",
        "en_qpv": "128",
        "actions": [monde.action.pk],
        "budget": [(monde.anct.pk, "60000,50"), (monde.ville.pk, "40000,50")],
    }
    page = envoyer(client, monde, version=1, **envoi)
    assert page.status_code == 409
    cotes = [textes(page, f"//tbody/tr/td[{n}]") for n in (1, 2, 3)]
    assert list(zip(textes(page, "//tbody/tr/th"), *cotes, strict=True)) == [
        ("Nouveaux", "40", "En base : 50", "Votre saisie : 41"),
        ("Réunions de l’équipe de soutien", "—", "En base : 9", "Votre saisie : —"),
        ("Budget : Ville de Caen", "39 999,50 €", "En base : 39 999,50 €", "Votre saisie : 40 000,50 €"),
    ]
    # Les nouveaux ont changé des deux côtés : rien d'avance. Ailleurs, qui a changé seul l'emporte.
    retenus = noeuds(page, "//input[@type='radio'][@checked]/@name | //input[@type='radio'][@checked]/@value")
    assert retenus == ["choix-reunions", "base", f"choix-budget-{monde.ville.pk}", "mien"]
    assert textes(page, "//main//ul[1]/li")[0].startswith(str(monde.agent))
    choix = {"geste": "resoudre", "choix-nouveaux": "base", f"choix-budget-{monde.ville.pk}": "mien"}
    assert envoyer(client, monde, version=2, **envoi, **choix).status_code == 409  # une ligne n'est pas choisie
    assert envoyer(client, monde, version=2, **envoi, **choix | {"choix-reunions": "base"}).status_code == 302
    suivi = SuiviPre.objects.get(pk=monde.suivi.pk)
    assert (suivi.nouveaux, suivi.reunions, suivi.version) == (50, 9, 3)
    assert suivi.budgets.get(financeur=monde.ville).montant == euros("40000,50")


def test_si_la_feuille_change_encore_ce_qui_etait_lu_est_ce_que_montraient_les_deux_versions(client, monde):
    lu = lu_sur(client, monde.agent, f"{feuille(monde)}saisir/")
    envoi = {"lu": lu, "enfants_suivis": "130", "nouveaux": "41", "sortis": "3", "en_qpv": "128"}
    envoi |= {"actions": [monde.action.pk], "budget": [(monde.anct.pk, "60000,50"), (monde.ville.pk, "39999,50")]}
    operations.enregistrer_un_suivi(SaisieDeSuivi({"nouveaux": 50}, monde.suivi), par=monde.agent)
    page = envoyer(client, monde, version=1, **envoi)
    (vu,) = noeuds(page, "//input[@name='vu']/@value")
    operations.enregistrer_un_suivi(SaisieDeSuivi({"nouveaux": 55}, monde.suivi), par=monde.agent)
    choix = {"geste": "resoudre", "choix-nouveaux": "mien", "vu": vu}
    page = envoyer(client, monde, version=2, **envoi, **choix)
    assert (page.status_code, textes(page, "//tbody/tr/td[1]")) == (409, ["50"])
    page = envoyer(client, monde, version=1, **envoi | {"lu": "abîmé"})
    assert textes(page, "//tbody/tr/td[1]") == ["non gardé"]


def test_la_fiche_d_un_pre_montre_aussi_ce_qui_etait_lu(client, monde):
    adresse = f"{LISTE}{monde.pre.pk}/modifier/"
    lu = lu_sur(client, monde.agent, adresse)
    saisie = SaisieDeProgramme({"intitule": "PRE de Caen nord"}, monde.pre, communes=[monde.colombelles])
    operations.enregistrer_un_programme(saisie, par=monde.agent)
    page = client.post(adresse, fiche(monde, lu=lu, version=1))
    cotes = [textes(page, f"//tbody/tr/td[{n}]") for n in (1, 2, 3)]
    assert list(zip(textes(page, "//tbody/tr/th"), *cotes, strict=True)) == [
        ("Intitulé", "PRE de Caen", "En base : PRE de Caen nord", "Votre saisie : PRE de Caen sud"),
        ("Communes", "Caen", "En base : Colombelles", "Votre saisie : Caen"),
    ]


def test_une_resolution_forgee_sans_feuille_a_comparer_n_est_qu_un_enregistrement(client, monde):
    adresse = f"{LISTE}{monde.sorti.pk}/2026/saisir/"
    reponse = envoyer(client, monde, adresse=adresse, geste="resoudre", enfants_suivis="12")
    assert (reponse.status_code, monde.sorti.suivis.get().enfants_suivis) == (302, 12)
    reponse = envoyer(client, monde, adresse=adresse, enfants_suivis="12")  # la même page renvoyée
    assert (reponse.status_code, monde.sorti.suivis.get().version) == (302, 1)


def test_la_feuille_d_une_annee_ou_le_pre_est_ferme_n_a_pas_d_adresse(client, monde):
    ProgrammeReussiteEducative.objects.update(ferme_le=date(2026, 8, 31))
    ExerciceFactory(annee=2027)
    for annee, codes_attendus in ((2026, (200, 302)), (2027, (404, 404))):
        adresse = f"{LISTE}{monde.sorti.pk}/{annee}/saisir/"
        assert ouvrir(client, monde.agent, adresse).status_code == codes_attendus[0]
        assert envoyer(client, monde, adresse=adresse, enfants_suivis="12").status_code == codes_attendus[1]
    assert [s.exercice.annee for s in monde.sorti.suivis.all()] == [2026]


def test_une_action_que_l_agent_ne_voit_pas_reste_liee(client, monde):
    departementale = action_pre(monde, contrat=None, echelle="departement", accorde="500")
    ActionDuSuivi.objects.create(suivi=monde.suivi, action=departementale)
    du_contrat = habiliter(Role.AGENT, contrat=monde.contrat)
    assert envoyer(client, monde, du_contrat, version=1, enfants_suivis="130").status_code == 302
    assert [lien.action for lien in monde.suivi.liens.all()] == [departementale]


# --- Saisir un programme ---


def fiche(m, **champs):
    valeurs = {
        "intitule": "PRE de Caen sud",
        "contrat": m.contrat.pk,
        "nature_porteur": NaturePorteurPre.CCAS,
        "structure": m.ccas.pk,
        "communes": [m.caen.pk],
    }
    return valeurs | champs


def test_un_pre_s_ajoute_et_se_modifie(client, monde):
    client.force_login(monde.agent)
    reponse = client.post(f"{LISTE}ajouter/", fiche(monde))
    pre = ProgrammeReussiteEducative.objects.get(intitule="PRE de Caen sud")
    assert (reponse.url, list(pre.communes.all())) == (f"{LISTE}{pre.pk}/", [monde.caen])
    envoi = fiche(monde, version=1, communes=[monde.caen.pk, monde.colombelles.pk])
    assert client.post(f"{LISTE}{pre.pk}/modifier/", envoi).status_code == 302
    assert pre.communes.count() == 2
    page = client.post(f"{LISTE}{pre.pk}/modifier/", fiche(monde, version=1))
    assert page.status_code == 409
    assert textes(page, "//tbody/tr/th") == ["Communes"]


def test_le_contrat_d_un_pre_et_ses_communes_se_disent_au_champ_et_dans_l_histoire(client, monde):
    autre = ContratFactory(intitule="Lisieux")
    adresse = f"{LISTE}{monde.pre.pk}/modifier/"
    client.force_login(monde.agent)
    page = client.post(adresse, fiche(monde, contrat=autre.pk, version=1))
    assert textes(page, "//*[@id='id_contrat_error']") == [
        "« Parcours de réussite », liée à une feuille, est d’un autre contrat : la délier d’abord."
    ]
    client.post(adresse, fiche(monde, intitule="PRE de Caen", communes=[monde.colombelles.pk], version=1))
    page = ouvrir(client, monde.agent, f"{LISTE}{monde.pre.pk}/")
    assert textes(page, "//ol[contains(@class,'pv-histoire')]/li[1]//li") == ["Communes : Caen → Colombelles"]


def test_un_porteur_prive_une_commune_absente_ou_un_double_se_disent_au_champ(client, monde):
    client.force_login(monde.agent)
    prive = OrganismeFactory()
    for champ, valeurs, message in (
        (
            "structure",
            {"structure": prive.pk},
            "Un PRE est porté par une structure à comptabilité publique : CCAS, caisse des écoles, GIP, EPLE, régie.",
        ),
        ("communes", {"communes": []}, "Choisir « Communes »."),
        ("ferme_le", {"ouvert_le": "2026-01-01", "ferme_le": "2025-01-01"}, "Le PRE ferme avant d’ouvrir."),
        ("intitule", {"intitule": "PRE de Caen"}, "Un PRE du contrat porte déjà cet intitulé."),
    ):
        page = client.post(f"{LISTE}ajouter/", fiche(monde, **valeurs))
        assert page.status_code == 200
        assert textes(page, f"//*[@id='id_{champ}_error']") == [message]
    assert ProgrammeReussiteEducative.objects.count() == 2


# --- Le périmètre ---


def test_hors_du_perimetre_rien_n_existe_et_un_lecteur_ne_saisit_pas(client, monde):
    ailleurs = habiliter(Role.AGENT, departement=DepartementFactory(code="30"))
    ExerciceFactory(departement=DepartementFactory(code="30"))
    for adresse in (
        f"{LISTE}{monde.pre.pk}/",
        feuille(monde),
        f"{feuille(monde)}saisir/",
        f"{LISTE}{monde.pre.pk}/modifier/",
    ):
        assert ouvrir(client, ailleurs, adresse).status_code == 404
    assert textes(ouvrir(client, ailleurs), "//tbody/tr") == []
    lecteur = habiliter(Role.LECTEUR, departement=monde.calvados)
    assert ouvrir(client, lecteur, feuille(monde)).status_code == 200
    for adresse in (f"{feuille(monde)}saisir/", f"{LISTE}{monde.pre.pk}/modifier/", f"{LISTE}ajouter/"):
        assert ouvrir(client, lecteur, adresse).status_code == 403
        assert client.post(adresse, saisie(monde, version=1)).status_code == 403
    assert ouvrir(client, monde.agent, f"{LISTE}{monde.pre.pk}/2019/").status_code == 404


def test_un_partenaire_borne_a_un_financeur_ne_lit_aucun_pre(client, monde):
    caf = FinanceurFactory(nom="CAF", famille=FamilleFinanceur.CAF)
    partenaire = habiliter(Role.PARTENAIRE, departement=monde.calvados)
    PartenaireFinanceur.objects.create(habilitation=partenaire.habilitations.get(), financeur=caf)
    page = ouvrir(client, partenaire)
    assert (textes(page, "//tbody/tr"), "annoncé" in page.content.decode()) == ([], False)
    assert ouvrir(client, partenaire, feuille(monde)).status_code == 404
