"""Les feuilles PRE, Adultes-relais et FONJEP du classeur : leurs lignes calculées à la main, leurs rapprochements."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from dispositifs.models import ActionDuSuivi
from dispositifs.synthese import MASQUE
from pilotage.exports import Demande, gabarit_2024, preparer
from pilotage.exports.controles import Cote, Rapprochement, page_des_controles
from pilotage.exports.formules import valeur
from programmation.enums import StatutAction
from programmation.models import Action
from programmation.synthese import ChoixDeBase
from tests.dispositifs.fabriques import (
    BaremeAdulteRelaisFactory,
    BaremeFonjepFactory,
    BudgetPreFactory,
    ConventionFactory,
    OccupationFactory,
    PosteFactory,
    ProgrammeFactory,
    ReleveFactory,
    ReleveFonjepFactory,
    SuiviPreFactory,
    TriennaliteFactory,
)
from tests.fabriques import (
    ActionFactory,
    CommuneFactory,
    ContratFactory,
    DispositifFactory,
    ExerciceFactory,
    FinanceurFactory,
    OrganismeFactory,
    QuartierFactory,
    p147,
)

pytestmark = pytest.mark.django_db


def d(texte):
    return Decimal(texte)


def classeur_de(exercice, choix=None, au=datetime(2025, 3, 2, 12, tzinfo=UTC)):
    return preparer(Demande(exercice, Action.objects.filter(exercice=exercice), choix or ChoixDeBase(), "DDETS", au))


def lignes(classeur, nom, *titres):
    entetes, *corps = next(f for f in classeur.feuilles if f.nom == nom).cellules()
    rangs = [[titre.replace("\u00a0", " ") for titre in entetes].index(titre) for titre in titres]
    return [tuple(valeur(ligne[rang]) for rang in rangs) for ligne in corps]


@pytest.fixture
def exercice():
    return ExerciceFactory(annee=2025)


def action_pre(exercice, contrat, accorde, **champs):
    statut = StatutAction.PROGRAMMEE if accorde else StatutAction.DEPOSEE
    dispositif = DispositifFactory(pre=True)
    action = ActionFactory(exercice=exercice, contrat=contrat, dispositif=dispositif, statut=statut, **champs)
    p147(action, demande=50000, accorde=accorde)
    return action


@pytest.fixture
def pre(exercice):
    """Un PRE de 130 enfants, financé par deux actions ; une troisième n'est dans aucune feuille."""
    contrat = ContratFactory(intitule="Caen la mer", code="CN14")
    caen = CommuneFactory(nom="Caen")
    QuartierFactory(contrat=contrat, communes=[caen])
    programme = ProgrammeFactory(intitule="PRE de Caen", contrat=contrat, communes=[caen])
    suivi = SuiviPreFactory(programme=programme, exercice=exercice, enfants_suivis=130, nouveaux=40, sortis=3)
    for accorde in ("40000,50", "20000"):
        ActionDuSuivi.objects.create(suivi=suivi, action=action_pre(exercice, contrat, accorde))
    action_pre(exercice, contrat, "1000,25")
    BudgetPreFactory(suivi=suivi, financeur=FinanceurFactory(p147=True), montant=d("60000.50"))
    BudgetPreFactory(suivi=suivi, montant=d("39999.50"))
    return programme


def test_les_pre_sortent_masques_et_leur_p147_est_celui_de_programmation(exercice, pre):
    ProgrammeFactory(intitule="PRE sans feuille", contrat=pre.contrat)
    classeur = classeur_de(exercice)
    titres = ["Programme", "Communes", "Enfants suivis", "dont nouveaux", "dont sortis", "Budget du bilan"]
    titres += ["dont P147, selon le bilan", "Coût par enfant", "P147 accordé aux actions liées"]
    assert lignes(classeur, "PRE", *titres) == [
        ("PRE de Caen", "Caen", 130, 40, MASQUE, d("100000.00"), d("60000.50"), d("769.23"), d("60000.50")),
        ("PRE sans feuille", "", None, None, None, None, None, "—", d(0)),
        ("Actions de PRE sans feuille annuelle", None, None, None, None, None, None, "—", d("1000.25")),
        ("Total", None, 130, 40, "—", d("100000.00"), d("60000.50"), None, d("61000.75")),
    ]
    assert ecarts(classeur, "PRE") == {
        "P147 accordé des PRE": (d("61000.75"), d("61000.75")),
        "P147 accordé aux actions liées": (d("60000.50"), d("60000.50")),
        "Budget des bilans": (d("100000.00"), d("100000.00")),
        "Enfants suivis": (130, 130),
    }


def ecarts(classeur, nom):
    """Les rapprochements d'une feuille : ses deux totaux, quand ils sont à 0,00 €."""
    siens = [r for r in classeur.controles.rapprochements if r.a.lieu == nom]
    return {r.libelle: (r.a.valeur, r.b.valeur) for r in siens if not r.est_en_ecart}


def test_sans_les_pre_dans_la_base_la_feuille_pre_ne_change_pas(exercice, pre):
    sans, avec = classeur_de(exercice, ChoixDeBase(avec_pre=False)), classeur_de(exercice)
    titres = ["Programme", "P147 accordé aux actions liées"]
    assert lignes(sans, "PRE", *titres) == lignes(avec, "PRE", *titres)
    assert sans.controles.en_ecart == []


def test_une_action_liee_qui_n_est_plus_de_pre_se_voit_dans_controles(exercice, pre):
    liee = Action.objects.filter(suivi_pre__suivi__programme=pre).order_by("pk").first()
    Action.objects.filter(pk=liee.pk).update(dispositif=DispositifFactory())
    assert [(r.libelle, r.a.lieu, r.b.lieu, r.ecart) for r in classeur_de(exercice).controles.en_ecart] == [
        ("P147 accordé aux actions liées", "PRE", "Écran", d("-40000.50"))
    ]


@pytest.fixture
def postes(exercice):
    """Un poste à mi-temps occupé puis vacant, et un poste que seul l'ANCT publie."""
    contrat = ContratFactory()
    BaremeAdulteRelaisFactory(date_effet=date(2020, 1, 1), montant=d("18250.00"))
    options = {"contrat": contrat, "departement": exercice.departement}
    mi_temps = PosteFactory(numero="01424R0001", employeur=OrganismeFactory(nom="Régie"), **options)
    convention = ConventionFactory(poste=mi_temps, fin=date(2025, 7, 19), quotite=d("50"))
    OccupationFactory(convention=convention, fin=date(2025, 1, 31))
    OccupationFactory(convention=convention, vacant=True, debut=date(2025, 2, 1))
    ReleveFactory(poste=mi_temps, annee=2025, montant=d("7164.00"))
    ReleveFactory(poste=mi_temps, annee=2025, rang=2, montant=d("7164.00"))
    ReleveFactory(poste=PosteFactory(numero="01424R0002", **options), annee=2025, montant=d("7164.00"))
    ReleveFactory(poste=mi_temps, annee=2024)
    PosteFactory(numero="01424R0009", **options)  # ni convention cette année, ni relevé : il n'est pas listé
    return mi_temps


def test_les_adultes_relais_disent_le_theorique_l_occupe_et_le_publie_a_part(exercice, postes):
    """18 250 € l'an à mi-temps : 25 € par jour ; 200 jours conventionnés, 31 pourvus, 30 vacants au 2 mars."""
    classeur = classeur_de(exercice)
    titres = ["Poste", "Quotité", "Jours conventionnés", "dont pourvus", "dont vacants", "dont non renseignés"]
    assert lignes(classeur, "Adultes-relais", *titres) == [
        ("01424R0001", d("0.50"), 200, 31, 30, 139),
        ("01424R0002", None, None, None, None, None),
        ("Total", None, 200, 31, 30, 139),
    ]
    titres = ["Coût théorique", "Coût des jours pourvus", "Coût des jours vacants", "Coût des jours non renseignés"]
    titres += ["Pourquoi un montant manque", "Publié par l’ANCT", "Lignes publiées"]
    assert lignes(classeur, "Adultes-relais", *titres) == [
        (d("5000.00"), d("775.00"), d("750.00"), d("3475.00"), "", d("14328.00"), 2),
        (None, None, None, None, "Aucune convention enregistrée dans l’année.", d("7164.00"), 1),
        (d("5000.00"), d("775.00"), d("750.00"), d("3475.00"), None, d("21492.00"), 3),
    ]
    assert ecarts(classeur, "Adultes-relais") == {
        "Postes conventionnés": (1, 1),
        "Coût théorique": (d("5000.00"), d("5000.00")),
        "Coût des jours pourvus": (d("775.00"), d("775.00")),
        "Coût des jours vacants": (d("750.00"), d("750.00")),
        "Coût des jours non renseignés": (d("3475.00"), d("3475.00")),
        "Jours vacants": (30, 30),
        "Publié par l’ANCT": (d("21492.00"), d("21492.00")),
    }


def test_un_bareme_inconnu_laisse_le_montant_vide_et_dit_pourquoi(exercice, postes):
    BaremeAdulteRelaisFactory(date_effet=date(2025, 1, 1), montant=None)
    titres = ["Coût théorique", "Coût des jours vacants", "Pourquoi un montant manque"]
    assert lignes(classeur_de(exercice), "Adultes-relais", *titres)[0] == (
        None,
        None,
        "Barème inconnu du 01/01/2025 au 19/07/2025.",
    )


def test_le_fichier_porte_sous_le_titre_la_reserve_de_l_ecran_sur_les_montants_publies(exercice, postes):
    """Trois lignes pour deux postes ; une fois le barème FONJEP connu, elles y sont toutes."""
    repetes = "Publié par l’ANCT en 2025, à vérifier : 3 lignes : des postes sont répétés"
    assert f"{repetes}." in hauts(exercice, "Adultes-relais")
    BaremeFonjepFactory()
    assert f"{repetes} ; 3 lignes au montant d’un poste FONJEP." in hauts(exercice, "Adultes-relais")
    assert [note for note in hauts(exercice, "FONJEP") if "à vérifier" in note] == []
    poste = TriennaliteFactory(poste__departement=exercice.departement).poste
    for rang in (1, 2):
        ReleveFonjepFactory(poste=poste, annee=2025, rang=rang)
    assert "Publié par l’ANCT en 2025, à vérifier : 2 lignes : des postes sont répétés." in hauts(exercice, "FONJEP")


def hauts(exercice, nom):
    """Ce que la première colonne de la feuille porte, dans le fichier relu."""
    page = ouvrir(exercice)[nom]
    return [str(cellule.value).replace("\u00a0", " ") for cellule in page["A"] if cellule.value]


def ouvrir(exercice):
    fichier = io.BytesIO()
    classeur_de(exercice).ecrire(fichier)
    return load_workbook(fichier, data_only=True)


def controles_lus(exercice, lieu):
    """Les lignes de Contrôles d'une feuille, dans le fichier relu : (total lu, total comparé, écart, où regarder)."""
    lignes = ouvrir(exercice)["Contrôles"].iter_rows(values_only=True)
    return {ligne[1].replace("\u00a0", " "): (*ligne[4:7], ligne[8]) for ligne in lignes if ligne[2] == lieu}


def test_un_total_inconnu_ne_se_compare_pas_a_zero_dans_le_fichier(exercice, postes):
    """Barème inconnu : la feuille n'a aucun montant, l'écran non plus ; ni l'un ni l'autre ne vaut 0,00 €."""
    BaremeAdulteRelaisFactory(date_effet=date(2025, 1, 1), montant=None)
    inconnu = ("—", "—", "—", None)
    lus = controles_lus(exercice, "Adultes-relais")
    assert {libelle for libelle, ligne in lus.items() if ligne == inconnu} == {
        "Coût théorique",
        "Coût des jours pourvus",
        "Coût des jours vacants",
        "Coût des jours non renseignés",
    }
    assert lus["Postes conventionnés"] == (1, 1, 0, None)
    assert lus["Publié par l’ANCT"] == (21492, 21492, 0, None)
    assert set(controles_lus(exercice, "FONJEP").values()) == {(0, 0, 0, None), inconnu}  # aucun poste
    assert controles_lus(exercice, "PRE") == dict.fromkeys(
        ["P147 accordé des PRE", "P147 accordé aux actions liées", "Budget des bilans", "Enfants suivis"], inconnu
    )
    garde = dict(ligne[:3:2] for ligne in ouvrir(exercice)["Garde"].iter_rows(values_only=True))
    assert garde["Contrôles en écart"] == 0


def test_un_total_connu_face_a_un_inconnu_est_un_ecart_qui_se_dit(exercice, postes):
    """L'un des deux est inconnu : l'écart ne s'écrit pas, mais la ligne et la garde disent où regarder."""
    seul = Rapprochement("Essai", Cote("FONJEP", Decimal("5000.00")), Cote("Écran", None), ou="FONJEP")
    nul = Rapprochement("Essai", Cote("FONJEP", Decimal("0.00")), Cote("Écran", None), ou="FONJEP")
    assert [(r.ecart, r.est_en_ecart) for r in (seul, nul)] == [("—", True), ("—", False)]
    page = page_des_controles(gabarit_2024.CONTROLES, [seul, nul], [])
    assert [(valeur(ligne["ecart"]), valeur(ligne["ou"])) for ligne in page.lignes] == [("—", "FONJEP"), ("—", "")]


def test_les_fonjep_disent_leur_periode_et_leur_evaluation(exercice):
    BaremeFonjepFactory()
    triennalite = TriennaliteFactory(poste__code="D0001", rang=1)
    ReleveFonjepFactory(poste=triennalite.poste, annee=2025)
    titres = ["Poste", "Fin de la période", "Rang de reconduction", "Évaluation attendue le", "Coût théorique"]
    classeur = classeur_de(exercice)
    assert lignes(classeur, "FONJEP", *titres, "Publié par l’ANCT") == [
        ("D0001", date(2026, 12, 31), 1, date(2026, 6, 30), d("7164.00"), d("7164.00")),
        ("Total", None, None, None, d("7164.00"), d("7164.00")),
    ]
    assert ecarts(classeur, "FONJEP") == {
        "Postes conventionnés": (1, 1),
        "Coût théorique": (d("7164.00"), d("7164.00")),
        "Publié par l’ANCT": (d("7164.00"), d("7164.00")),
    }


def test_les_controles_comptent_ce_que_chaque_controle_des_dispositifs_releve(exercice, pre, postes):
    comptes = {c.libelle.replace("\u00a0", " "): c.anomalies for c in classeur_de(exercice).controles.coherences}
    assert comptes["PRE : Action sans feuille"] == 1
    assert comptes["PRE : Effectifs incomplets"] == 1
    assert comptes["Adultes-relais : Poste répété dans la liste publiée"] == 1


def test_le_nombre_de_requetes_ne_depend_pas_du_nombre_de_postes_ni_de_pre(exercice, pre, postes):
    avant = requetes(exercice)
    for _ in range(2):
        contrat = ContratFactory()
        suivi = SuiviPreFactory(programme__contrat=contrat, exercice=exercice)
        ActionDuSuivi.objects.create(suivi=suivi, action=action_pre(exercice, contrat, "500"))
        OccupationFactory(convention=ConventionFactory(poste__contrat=contrat))
    assert requetes(exercice) == avant


def requetes(exercice):
    with CaptureQueriesContext(connection) as lues:
        classeur_de(exercice)
    return len(lues)
