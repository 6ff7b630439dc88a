"""Les listes et les fiches de contrats et de quartiers."""

from datetime import date

import pytest
from django.core.management import call_command

from comptes.enums import Role
from pilotage.contours import dessiner
from pilotage.phrases import sans_filiation
from politique_ville.outils.departements import du_departement
from programmation.enums import StatutExercice
from programmation.models import Action
from programmation.synthese import ChoixDeBase, synthese_des_contrats
from territoires.enums import NatureFiliation, NatureQuartier
from territoires.models import ContratDeVille, FiliationContrat, FiliationQuartier, Intercommunalite, Quartier
from tests.fabriques import (
    CommuneFactory,
    ContratFactory,
    DepartementFactory,
    ExerciceFactory,
    QuartierFactory,
    action_programmee,
    habiliter,
    localiser,
)
from tests.pages import noeuds, texte, textes
from tests.pilotage.liens import en_nombre, liens_vers_la_liste, total_de_la_liste

CARRE = {"type": "Polygon", "coordinates": [[[0, 49], [0.01, 49], [0.01, 49.01], [0, 49.01], [0, 49]]]}


@pytest.fixture
def agent(client, exemple):
    personne = habiliter(Role.AGENT, departement=exemple.exercice.departement)
    client.force_login(personne)
    return personne


@pytest.fixture
def national(client, db):
    client.force_login(habiliter(Role.LECTEUR, france_entiere=True))


def lire(client, adresse, **parametres):
    reponse = client.get(adresse, parametres)
    assert reponse.status_code == 200
    return reponse


def lignes(reponse, chemin="//main//table"):
    """Les lignes du premier tableau, sans la barre."""
    tableau = noeuds(reponse, chemin)[0]
    cellules = "*[not(classe('pv-colonne-barre'))]"
    return [[texte(cellule) for cellule in ligne.xpath(cellules)] for ligne in tableau.xpath(".//tr")]


def fiche(reponse):
    """Les couples libellé, valeur de la fiche."""
    return dict(zip(textes(reponse, "//dl/dt"), textes(reponse, "//dl/dd"), strict=True))


# --- Les données réelles : chaque quartier compté une fois ---


def test_les_populations_de_reference_comptent_chaque_quartier_une_fois(client, national):
    call_command("charger_reference", verbosity=0)
    caen = ContratDeVille.objects.get(code="CN01403M")
    reponse = lire(client, f"/territoires/contrats/{caen.pk}/")
    assert fiche(reponse)["Habitants des quartiers prioritaires"] == "27 278, chaque quartier compté une fois"
    assert fiche(reponse)["Communes"] == "Caen, Fleury-sur-Orne, Hérouville-Saint-Clair, Ifs"
    assert len(lignes(reponse)) == 1 + 6
    gard = lire(client, "/territoires/quartiers/", departement="30")
    assert lignes(gard)[-1] == ["Ensemble des quartiers de la liste, chacun compté une fois", "77 683", ""]
    colombelles = Quartier.objects.get(nom="Colombelles")
    assert fiche(lire(client, f"/territoires/quartiers/{colombelles.pk}/"))["Filiation"] == (
        "Sorti de la géographie prioritaire au 1ᵉʳ janvier 2024."
    )
    chemin_vert = lire(client, f"/territoires/quartiers/{Quartier.objects.get(code='QN01401M').pk}/")
    assert "Ce quartier prolonge, redessiné, le quartier Chemin Vert (2015-2023)." in fiche(chemin_vert)["Filiation"]
    dessin = noeuds(chemin_vert, "//svg[classe('pv-contour')]")[0]
    assert dessin.get("aria-label") == (
        "Contour du quartier Chemin Vert, nord en haut\u00a0: environ 1,1\u00a0km d’ouest en est et 0,7\u00a0km du nord au sud"
    )
    assert "ANCT, géographie prioritaire 2024, Licence Ouverte 2.0" in texte(noeuds(chemin_vert, "//figcaption")[0])


# --- Les listes ---


def test_la_liste_montre_les_contrats_en_vigueur_et_les_anciens_sur_demande(client, agent, exemple):
    ContratFactory(ancien=True, intitule="Ancien contrat de Caen")
    assert [ligne[0] for ligne in lignes(lire(client, "/territoires/contrats/"))[1:]] == [
        "Caen la mer Calvados (14)",
        "Lisieux Calvados (14)",
    ]
    anciens = lire(client, "/territoires/contrats/", generation="2015-2023")
    assert [ligne[0] for ligne in lignes(anciens)[1:]] == ["Ancien contrat de Caen Calvados (14)"]
    assert len(lignes(lire(client, "/territoires/contrats/", generation="toutes"))) == 1 + 3


def test_une_ligne_de_contrat_dit_ses_quartiers_et_leurs_habitants(client, agent, exemple):
    contrat = exemple.caen
    assert lignes(lire(client, "/territoires/contrats/"))[1][1:] == [
        contrat.code,
        "2024-2030",
        contrat.intercommunalite.nom,
        "3",
        "4 000",
    ]


def test_les_listes_ecrivent_le_nom_court_du_contrat(client, agent, exemple):
    ContratDeVille.objects.filter(pk=exemple.caen.pk).update(intitule="Contrat de ville de Caen la mer")
    assert lignes(lire(client, "/territoires/contrats/"))[1][0] == "Caen la mer Calvados (14)"
    assert lignes(lire(client, "/territoires/quartiers/"))[1][2] == "Caen la mer"


def test_seuls_les_quartiers_prioritaires_comptent_dans_la_population_d_un_contrat(client, agent, exemple):
    """Une seule règle : la liste, la fiche et le tableau de bord disent 4 000 habitants."""
    QuartierFactory(contrat=exemple.caen, nom="Veille", nature=NatureQuartier.VEILLE_ACTIVE, population=700)
    assert lignes(lire(client, "/territoires/contrats/"))[1][-1] == "4 000"
    page = lire(client, f"/territoires/contrats/{exemple.caen.pk}/")
    assert fiche(page)["Habitants des quartiers prioritaires"] == "4 000, chaque quartier compté une fois"
    synthese = synthese_des_contrats(Action.objects.all(), ChoixDeBase())
    assert [(li.libelle, li.population, li.millesime) for li in synthese.lignes[:2]] == [
        ("Caen la mer", 4000, "2021"),
        ("Lisieux", 3000, "2021"),
    ]


@pytest.mark.parametrize(
    ("recherche", "trouves"),
    [
        ("lisieux", ["Lisieux"]),
        ("CAEN mer", ["Caen la mer"]),
        ("herouville", ["Caen la mer"]),
        ("agglo numero deux", ["Lisieux"]),
        ("q4", ["Lisieux"]),
        ("introuvable", []),
    ],
)
def test_un_contrat_se_cherche_sans_accent_par_nom_epci_commune_ou_quartier(client, agent, exemple, recherche, trouves):
    exemple.caen.communes.set([CommuneFactory(nom="Hérouville-Saint-Clair")])
    Intercommunalite.objects.filter(contrats=exemple.lisieux).update(nom="Agglo numéro deux")
    reponse = lire(client, "/territoires/contrats/", q=recherche)
    assert [str(contrat) for contrat in reponse.context["page"]] == trouves


def test_un_quartier_se_cherche_sans_accent_par_nom_ou_commune(client, agent, exemple):
    quartier = QuartierFactory(contrat=exemple.caen, nom="Guérinière", communes=[CommuneFactory(nom="Évrecy")])
    for recherche in ("gueriniere", "EVRECY"):
        assert list(lire(client, "/territoires/quartiers/", q=recherche).context["page"]) == [quartier]


def test_les_listes_se_filtrent_par_departement_et_refusent_un_departement_invisible(client, agent, exemple):
    gard = DepartementFactory(code="30")
    nimes = QuartierFactory(contrat=ContratFactory(departement=gard, intitule="Nîmes"), nom="Pissevin")
    for adresse in ("/territoires/contrats/", "/territoires/quartiers/"):
        assert "Nîmes" not in lire(client, adresse).content.decode()
        reponse = lire(client, adresse, departement="30")
        assert (reponse.context["filtre"].form.errors.keys(), list(reponse.context["page"])) == ({"departement"}, [])
    client.force_login(habiliter(Role.LECTEUR, france_entiere=True))
    assert list(lire(client, "/territoires/quartiers/", departement="30").context["page"]) == [nimes]
    assert list(lire(client, "/territoires/contrats/", departement="30").context["page"]) == [nimes.contrat]


# --- La fiche d'un contrat ---


def test_la_fiche_d_un_contrat_dit_ce_qu_il_est_et_d_ou_il_vient(client, agent, exemple):
    contrat, ancien = exemple.caen, ContratFactory(ancien=True, intitule="Ancien contrat")
    contrat.signe_le, contrat.signataires, contrat.note = date(2024, 3, 29), "Préfet, maires", "Note à lire"
    contrat.source = "Une source"
    contrat.save()
    FiliationContrat.objects.create(ancien=ancien, nouveau=contrat)
    successeur = ancien.intercommunalite.predecesseurs.model.objects.create(siren="200065597", nom="CU Caen la Mer")
    ancien.intercommunalite.successeur = successeur
    ancien.intercommunalite.save()
    nouveau = fiche(lire(client, f"/territoires/contrats/{contrat.pk}/"))
    assert nouveau["Durée"] == "du 01/01/2024 au 31/12/2030"
    assert (nouveau["Signature"], nouveau["Signataires"]) == ("le 29/03/2024", "Préfet, maires")
    assert (nouveau["Prolonge"], nouveau["Note"]) == ("Ancien contrat (2015-2023)", "Note à lire")
    vieux = fiche(lire(client, f"/territoires/contrats/{ancien.pk}/"))
    assert (vieux["Prolongé par"], vieux["Signature"]) == ("Caen la mer (2024-2030)", "date inconnue")
    assert vieux["EPCI"] == f"{ancien.intercommunalite.nom}, devenu CU Caen la Mer"


def test_la_programmation_d_un_contrat_mene_a_ses_actions(client, agent, exemple):
    """a1 et a2 : 8 000,01 € ; levier, votes connus de a1 : 2 000 € de droit commun pour 5 000,01 €."""
    reponse = lire(client, f"/territoires/contrats/{exemple.caen.pk}/")
    assert lignes(reponse, "//section[@id='quartiers']//table")[-1][:3] == ["Total", "100,0 %", "8 000,01 €"]
    page = texte(noeuds(reponse, "//main")[0])
    assert "Pour 1 € de P147 : 0,40 € de droit commun et 0,14 € d’autres cofinancements publics, acquis." in page
    assert "Votes connus pour 1 action sur 2." in page
    assert noeuds(reponse, "//section[@id='levier']/p[@id='rang']")
    for mots, lien in liens_vers_la_liste(reponse):
        assert total_de_la_liste(client, mots, lien) == en_nombre(mots), lien


def test_la_fiche_montre_l_exercice_ouvert_et_les_autres_sur_demande(client, agent, exemple):
    avant = ExerciceFactory(annee=2025, statut=StatutExercice.CLOS)
    action_programmee(700, exercice=avant, contrat=exemple.caen, pilier=exemple.emploi)
    ExerciceFactory(annee=2023)
    adresse = f"/territoires/contrats/{exemple.caen.pk}/"
    reponse = lire(client, adresse)
    assert "Programmation 2026" in textes(reponse, "//h2")
    assert [lien.get("href") for lien in noeuds(reponse, "//p[classe('pv-autres')]/a")] == ["?annee=2025"]
    reponse = lire(client, adresse, annee="2025")
    assert "Programmation 2025" in textes(reponse, "//h2")
    assert lignes(reponse, "//section[@id='piliers']//table")[-1][:3] == ["Total", "100,0 %", "700,00 €"]
    ancien = ContratFactory(ancien=True)
    assert "Programmation 2023" in textes(lire(client, f"/territoires/contrats/{ancien.pk}/"), "//h2")


def test_un_contrat_sans_exercice_le_dit(client, agent):
    futur = ContratFactory(debut=date(2031, 1, 1), fin=date(2036, 12, 31))
    reponse = lire(client, f"/territoires/contrats/{futur.pk}/")
    assert "Aucun exercice sur la durée de ce contrat." in texte(noeuds(reponse, "//main")[0])


# --- La fiche d'un quartier ---


def test_la_fiche_d_un_quartier_montre_sa_part(client, agent, exemple):
    """Q2 : 1 500,00 € de a1, aux clés 3 sur 10, pour 2 000 habitants ; 3 000 € du contrat hors quartier."""
    reponse = lire(client, f"/territoires/quartiers/{exemple.q2.pk}/")
    cartes = [tuple(texte(p) for p in carte.xpath("p")) for carte in noeuds(reponse, "//div[classe('pv-chiffre')]")]
    assert cartes == [
        ("Crédits P147 accordés", "1 500,00 €", "1 action y a lieu"),
        ("Part du contrat", "18,7 %", "de ce que compte la base"),
        ("Par habitant", "0,75 €", "2021"),
    ]
    assert (
        "Dont 100,0 % réparti par clé entre plusieurs quartiers ; 3 000,00 € du contrat ne sont dans aucun quartier."
        in textes(reponse, "//p[classe('pv-phrase')]")
    )
    for mots, lien in liens_vers_la_liste(reponse):
        assert total_de_la_liste(client, mots, lien) == en_nombre(mots), lien


@pytest.mark.parametrize(
    ("nature", "depuis", "vers"),
    [
        (NatureFiliation.INCHANGE, "prolonge, sans changement de périmètre,", "est prolongé, sans changement"),
        (NatureFiliation.REDESSINE, "prolonge, redessiné, le quartier", "est prolongé, redessiné, par"),
        (NatureFiliation.SCINDE, "est issu de la scission du quartier", "est scindé ; une partie devient"),
        (NatureFiliation.FUSIONNE, "réunit, avec d’autres, le quartier", "est réuni à d’autres dans"),
    ],
)
def test_les_filiations_se_disent_en_mots(client, agent, exemple, nature, depuis, vers):
    ancien = QuartierFactory(contrat=ContratFactory(ancien=True), nom="Ancien")
    FiliationQuartier.objects.create(ancien=ancien, nouveau=exemple.q1, nature=nature, source="Décret")
    nouveau = fiche(lire(client, f"/territoires/quartiers/{exemple.q1.pk}/"))["Filiation"]
    assert depuis in nouveau
    assert nouveau.endswith("Ancien (2015-2023). Décret.")
    assert vers in fiche(lire(client, f"/territoires/quartiers/{ancien.pk}/"))["Filiation"]


def test_un_quartier_sans_filiation_n_est_entrant_que_si_son_code_le_dit(exemple):
    ancien = QuartierFactory(contrat=ContratFactory(ancien=True))
    assert sans_filiation(ancien) == "Sorti de la géographie prioritaire au 1ᵉʳ janvier 2024."
    phrases = {
        code: sans_filiation(QuartierFactory(contrat=exemple.caen, code=code))
        for code in (None, "QN01499N", "QN01498M", "QN01497I")
    }
    assert phrases == {
        None: "Filiation non renseignée.",
        "QN01499N": "Entrant dans la géographie prioritaire au 1ᵉʳ janvier 2024.",
        "QN01498M": "Filiation non renseignée. Il prolonge un quartier de 2015 (lettre M de son code).",
        "QN01497I": "Filiation non renseignée. Il prolonge un quartier de 2015 (lettre I de son code).",
    }


def test_un_quartier_sans_contour_n_a_pas_de_dessin(client, agent, exemple):
    reponse = lire(client, f"/territoires/quartiers/{exemple.q1.pk}/")
    assert not noeuds(reponse, "//svg[classe('pv-contour')]")


# --- Hors du périmètre ---


def test_hors_du_perimetre_une_fiche_est_introuvable(client, agent, exemple):
    ailleurs = QuartierFactory(contrat=ContratFactory(departement=DepartementFactory(code="30")))
    assert client.get(f"/territoires/contrats/{ailleurs.contrat.pk}/").status_code == 404
    assert client.get(f"/territoires/quartiers/{ailleurs.pk}/").status_code == 404
    client.force_login(habiliter(Role.LECTEUR, quartier=exemple.q1))
    assert client.get(f"/territoires/quartiers/{exemple.q2.pk}/").status_code == 404
    reponse = lire(client, f"/territoires/contrats/{exemple.caen.pk}/")
    assert [ligne[0] for ligne in lignes(reponse)[1:]] == ["Q1"]


# --- Le nombre de requêtes ---


def test_les_listes_et_les_fiches_lisent_autant_avec_un_ou_plusieurs_quartiers(
    client, agent, exemple, django_assert_max_num_queries
):
    adresses = ["/territoires/contrats/", "/territoires/quartiers/", f"/territoires/contrats/{exemple.lisieux.pk}/"]
    adresses.append(f"/territoires/quartiers/{exemple.q4.pk}/")
    avant = [requetes(client, adresse, django_assert_max_num_queries) for adresse in adresses]
    for _ in range(2):
        quartier = QuartierFactory(contrat=exemple.lisieux, communes=[CommuneFactory()])
        localiser(action_programmee(contrat=exemple.lisieux, pilier=exemple.cadre), {quartier: 1})
        QuartierFactory(communes=[CommuneFactory()])
    assert [requetes(client, adresse, django_assert_max_num_queries) for adresse in adresses] == avant


def requetes(client, adresse, django_assert_max_num_queries):
    with django_assert_max_num_queries(36) as lues:
        lire(client, adresse)
    return len(lues)


# --- Dessiner et nommer ---


def test_un_contour_se_dessine_nord_en_haut_a_l_echelle():
    """À 49° de latitude, 0,01° fait 1,11 km du nord au sud et 0,73 km d'ouest en est."""
    dessin = dessiner(CARRE)
    assert (dessin.largeur, dessin.hauteur) == (210, 320)
    assert dessin.chemin == "M0 320L210 320L210 0L0 0L0 320Z"
    assert dessin.description == "environ 0,7\u00a0km d’ouest en est et 1,1\u00a0km du nord au sud"
    plusieurs = dessiner({"type": "MultiPolygon", "coordinates": [CARRE["coordinates"], CARRE["coordinates"]]})
    assert plusieurs.chemin == dessin.chemin * 2
    assert dessiner(None) is None


@pytest.mark.parametrize(
    ("nom", "attendu"),
    [
        ("Calvados", "du Calvados"),
        ("Gard", "du Gard"),
        ("Orne", "de l’Orne"),
        ("Hérault", "de l’Hérault"),
        ("Haute-Savoie", "de la Haute-Savoie"),
        ("Hautes-Alpes", "des Hautes-Alpes"),
        ("Landes", "des Landes"),
        ("La Réunion", "de La Réunion"),
        ("Paris", "de Paris"),
        ("Manche", "de la Manche"),
    ],
)
def test_un_departement_se_nomme_avec_son_article(nom, attendu):
    assert du_departement(nom) == attendu
