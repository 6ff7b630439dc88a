"""Ce qui sort d'un PRE, attaqué : aucun petit effectif ne se lit ni ne se retrouve, dans aucune sortie."""

import csv
from collections import defaultdict
from datetime import UTC, datetime
from io import StringIO
from random import Random

import pytest

from comptes.enums import Role
from dispositifs import regles
from dispositifs.enums import AxeEffectif
from dispositifs.models import EffectifPre
from dispositifs.synthese import MASQUE, feuilles_de_suivi, masquer
from pilotage.exports import Demande, preparer
from pilotage.exports.formules import valeur
from programmation.models import Action
from programmation.synthese import ChoixDeBase
from tests.dispositifs.attaque_pre import petits_retrouves, tirer
from tests.dispositifs.fabriques import ProgrammeFactory, SuiviPreFactory
from tests.fabriques import CommuneFactory, ExerciceFactory, QuartierFactory, habiliter
from tests.pages import textes

# --- L'attaque ---


def test_aucun_petit_effectif_ne_se_lit_ni_ne_se_retrouve_dans_600_pre_tires_au_hasard():
    for graine in range(600):
        tirages = tirer(Random(graine))
        assert [regles.erreurs_des_effectifs(t.saisis, t.cases_saisies) for t in tirages] == [[], [], []]
        assert petits_retrouves(tirages) == [], graine


def test_un_axe_incomplet_ne_rend_pas_ses_petites_cases_par_ses_marges():
    """Filles 20 + 50 = la somme des deux premières lignes : les garçons y seraient 0 et 0."""
    tableau = masquer([[20, 0], [50, 0], [7, 53], [11, None]], 150)
    assert tableau.lignes == ((20, MASQUE), (50, MASQUE), (7, 53), (11, None))
    assert (tableau.totaux_des_lignes, tableau.totaux_des_colonnes) == ((MASQUE, MASQUE, 60, None), (88, None))
    assert tableau.total is None


@pytest.mark.parametrize(
    ("cases", "attendus"),
    [
        ([4, 4, 4, 4, 5], [MASQUE] * 5),  # quatre « n. c. » qui font 16 seraient quatre 4
        ([5, 3, 5, 9, 9], [MASQUE, MASQUE, MASQUE, 9, 9]),  # le premier 5 tu seul dirait qui est le petit
        ([4, 19, 20, 40, 50], [MASQUE, MASQUE, 20, 40, 50]),
    ],
)
def test_connaitre_la_regle_ne_rend_pas_une_petite_case(cases, attendus):
    assert list(masquer([cases]).lignes[0]) == attendus


def test_ce_qui_sort_a_toujours_deux_lectures_meme_pour_qui_connait_la_regle():
    """Tous les partages de 5 à 15 enfants entre cinq prescripteurs, rangés par ce qui en sort."""
    lectures = defaultdict(list)
    for total in range(5, 16):
        for cases in partages(total, 5):
            lectures[total, masquer([cases]).lignes[0]].append(cases)
    for (_, sortie), possibles in lectures.items():
        for nombre, valeurs in zip(sortie, zip(*possibles, strict=True), strict=True):
            assert nombre != MASQUE or len(set(valeurs)) > 1 or min(valeurs) >= 5


def partages(total, parts):
    if parts == 1:
        return [(total,)]
    return [(n, *suite) for n in range(total + 1) for suite in partages(total - n, parts - 1)]


# --- Toutes les sorties disent la même chose ---


@pytest.fixture
def publie(db):
    """Un PRE de trois années tirées au hasard, enregistré, et ses feuilles masquées."""
    caen = CommuneFactory(nom="Caen")
    pre = ProgrammeFactory(intitule="PRE de Caen", communes=[caen])
    QuartierFactory(contrat=pre.contrat, communes=[caen])
    suivis = []
    for tirage in tirer(Random(18)):
        suivi = SuiviPreFactory(programme=pre, exercice=ExerciceFactory(annee=tirage.annee), **tirage.saisis)
        cases = [EffectifPre(suivi=suivi, axe=a, modalite=m, nombre=n) for (a, m), n in tirage.cases_saisies.items()]
        EffectifPre.objects.bulk_create(cases)
        suivis.append(suivi)
    return feuilles_de_suivi(suivis, Action.objects.all())


CHAMPS = ["enfants_suivis", "nouveaux", "sortis", "parcours_individualises", "en_qpv"]


def en_mots(nombres):
    return ["—" if nombre is None else str(nombre) for nombre in nombres]


def de_tous_les_axes(feuille):
    modalites = [*feuille.prescripteurs, *feuille.domaines]
    return [n for ligne in feuille.ages.lignes for n in ligne] + [modalite.nombre for modalite in modalites]


def test_l_ecran_la_fiche_la_liste_les_fichiers_et_le_classeur_taisent_les_memes_nombres(client, publie):
    assert {MASQUE, None} < {n for feuille in publie for n in de_tous_les_axes(feuille)}
    for role in (Role.AGENT, Role.LECTEUR, Role.PARTENAIRE):
        contrat = publie[0].suivi.programme.contrat
        client.force_login(habiliter(role, contrat=contrat))
        for rang, champ in enumerate(CHAMPS, start=1):
            page = client.get(f"/dispositifs/pre/{publie[0].suivi.programme_id}/")
            assert textes(page, f"//tbody/tr[{rang}]/td") == en_mots([f.effectifs[champ] for f in publie])
        for feuille in publie:
            verifier_une_annee(client, feuille, contrat)


def verifier_une_annee(client, feuille, contrat):
    annee, effectifs = feuille.suivi.exercice.annee, [feuille.effectifs[champ] for champ in CHAMPS]
    page = client.get(f"/dispositifs/pre/{feuille.suivi.programme_id}/{annee}/")
    assert textes(page, "//dl[1]/dd")[:4] == en_mots(effectifs[1:])
    ages = "//table[caption='Âge et sexe']"
    assert textes(page, f"{ages}/tbody/tr/td[position()<3]") == en_mots(n for li in feuille.ages.lignes for n in li)
    assert textes(page, f"{ages}/tbody/tr/td[3]") == en_mots(feuille.ages.totaux_des_lignes)
    assert textes(page, f"{ages}/tfoot//td") == en_mots([*feuille.ages.totaux_des_colonnes, feuille.ages.total])
    restes = textes(page, "//table[caption='Prescripteurs' or starts-with(caption,'Domaines')]//td")
    assert restes == en_mots(de_tous_les_axes(feuille)[8:])
    liste = client.get("/dispositifs/pre/", {"annee": annee})
    montres = [effectifs[0], *effectifs[3:]]
    assert textes(liste, "//tbody/tr[1]/td")[2:5] == en_mots(montres)
    assert [t.split()[0] for t in textes(liste, "//tfoot//td")[2:5]] == [
        t.split()[0] if t != MASQUE else "—" for t in en_mots(montres)
    ]
    brut = b"".join(client.get("/dispositifs/pre/", {"annee": annee, "format": "csv"}).streaming_content)
    _, ligne = csv.reader(StringIO(brut.decode("utf-8-sig")), delimiter=";")
    assert ligne[4:9] == ["" if n is None else str(n) for n in effectifs]
    fiche = client.get(f"/territoires/contrats/{contrat.pk}/", {"annee": annee})
    table = "//table[caption='Programmes de réussite éducative']"
    assert textes(fiche, f"{table}/tbody/tr/td[1]") == en_mots(effectifs[:1])


def test_la_feuille_pre_du_classeur_tait_les_memes_nombres(publie):
    for feuille in publie:
        exercice = feuille.suivi.exercice
        au = datetime(2026, 12, 1, 12, tzinfo=UTC)
        demande = Demande(exercice, Action.objects.filter(exercice=exercice), ChoixDeBase(), "DDETS", au)
        classeur = preparer(demande)
        titres, ligne, *_ = next(f for f in classeur.feuilles if f.nom == "PRE").cellules()
        nombres = [valeur(cellule) for cellule in ligne]
        debut = titres.index("Enfants suivis")
        attendus = [feuille.effectifs[champ] for champ in CHAMPS] + de_tous_les_axes(feuille)
        assert nombres[debut : debut + len(attendus)] == attendus
        assert len(attendus) == 5 + sum(len(axe.modalites) for axe in AxeEffectif)
