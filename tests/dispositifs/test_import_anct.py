"""L'import des listes de l'ANCT : les lignes réelles du Calvados, leurs anomalies, et ce qu'une mauvaise liste dit."""

import io
import re
from decimal import Decimal

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from comptes.enums import Role
from dispositifs.models import (
    BaremeFonjep,
    ConventionAdulteRelais,
    PosteAdulteRelais,
    PosteFonjep,
    ReleveAnct,
    ReleveFonjep,
)
from politique_ville.outils.tableur.fichier import FichierRefuse
from politique_ville.outils.tableur.modeles import modeles
from politique_ville.outils.tableur.nominatif import colonnes_nominatives
from programmation.enums import Droit, FormeOrganisme
from programmation.imports import lots
from programmation.imports.apercu import Apercu
from programmation.models import Etablissement, Lot, ModeleDeColonnes, Organisme
from programmation.operations import DroitManquant, OperationRefusee
from tests.dispositifs.fabriques import BaremeFonjepFactory, PosteFactory, PosteFonjepFactory
from tests.fabriques import (
    ContratFactory,
    DepartementFactory,
    ExerciceFactory,
    OrganismeFactory,
    QuartierFactory,
    habiliter,
)
from tests.imports import compteurs, csv, en_clair, fichier, messages
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

AJOUTER = "/programmation/imports/ajouter/"
PUBLIEES = settings.BASE_DIR / "fixtures" / "anct"
CONTRATS = {"CV051": 2015, "CV052": 2015, "CV053": 2015, "CN01401M": 2024, "CN01402M": 2024, "CN01403M": 2024}
ENTETES = ["annee", "id_poste", "code_tiers", "raison_sociale", "montant", "code_cv"]
SIRET = "75048537700014"
LIGNE = ["2024", "01414R004503", SIRET, "COLLECTIF", "22810.61", "CN01403M"]


@pytest.fixture
def calvados():
    """Le département, ses contrats des deux générations et le barème FONJEP : ce que les listes publiées nomment."""
    departement = DepartementFactory()
    for code, annee in CONTRATS.items():
        generation, fin = ("2015-2023", "2023-12-31") if annee == 2015 else ("2024-2030", "2030-12-31")
        ContratFactory(departement=departement, code=code, generation=generation, debut=f"{annee}-01-01", fin=fin)
    BaremeFonjepFactory()
    return departement


@pytest.fixture
def agent(calvados):
    return habiliter(Role.AGENT, departement=calvados)


def publiee(nom):
    with (PUBLIEES / nom).open("rb") as flux:
        return lots.recevoir_un_fichier(flux, nom)


def liste(*lignes, entetes=ENTETES):
    """Un CSV aux colonnes publiées."""
    return csv(entetes, *lignes, nom="liste.csv")


def ligne(**changements):
    """La ligne d'exemple, certaines cellules changées."""
    return [changements.get(nom, valeur) for nom, valeur in zip(ENTETES, LIGNE, strict=True)]


def essayer(fichier, departement, par, quoi="adultes-relais"):
    return lots.essayer(fichier, departement, par=par, quoi=quoi)


def importer(fichier, departement, par, quoi="adultes-relais"):
    lot = lots.deposer(fichier, departement, par=par, quoi=quoi)
    lots.planifier(lot, par=par)
    return lots.confirmer(lot, par=par)


def par_annee(plan, apres=1):
    """Ce que l'aperçu montre par année : (postes, lignes, montant), après l'import sans précision."""
    return {
        total.nom: tuple((effet.avant, effet.apres)[apres] for effet in total.effets)
        for total in Apercu(plan.en_json()).totaux
    }


# --- Les 161 adultes-relais publiés ---


def test_les_161_lignes_publiees_font_les_comptes_et_les_totaux_de_l_anct(calvados, agent):
    plan = essayer(publiee("adultes_relais_14.csv"), calvados, agent)
    assert compteurs(plan) == {"cree": 161}
    assert par_annee(plan, apres=0) == dict.fromkeys(map(str, range(2020, 2026)), (0, 0, Decimal("0.00")))
    assert par_annee(plan) == {
        "2020": (20, 20, Decimal("397501.20")),
        "2021": (28, 28, Decimal("562010.96")),
        "2022": (30, 30, Decimal("637620.00")),
        "2023": (27, 27, Decimal("609004.71")),
        "2024": (29, 29, Decimal("661507.69")),
        "2025": (27, 27, Decimal("193428.00")),
    }


def test_chaque_anomalie_des_161_lignes_est_nommee_a_sa_cellule(calvados, agent):
    assert set(messages(essayer(publiee("adultes_relais_14.csv"), calvados, agent))) == {
        "C1 : employeurs inconnus du répertoire, qui seront créés. 31 lignes : 2, 3, 8, 10, 11 et 26 autres.",
        "E1 : Liste de 2025 : 7 164,00 € est le montant d’un poste FONJEP, pas d’un adulte-relais ; le relevé le garde tel "
        "que publié. 27 lignes : 136, 137, 138, 139, 140 et 22 autres.",
        "D9 : ce numéro est celui de « CTRE SOCIO-CULTUREL JEUNES SENIORS FAM », dont le nom est gardé : vérifier le "
        "numéro.",
        "B106 : 06121R000200 est le numéro d’un autre département ; il est gardé dans Calvados (14).",
        "F106 : 06121R0002 est sans contrat.",
        "C112 : le SIRET de 01416R0056 change : 43909032500028 en 2023, 43909032500036 en 2024.",
        "C124 : le SIRET de 01421R0076 change : 53746614600025 en 2023, 53746614600033 en 2024.",
        "C138 : le SIRET de 01414R0051 change : 48860034700048 en 2024, 48860034700055 en 2025.",
        "C142 : le SIRET de 01420R0070 change : 48860034700048 en 2024, 48860034700055 en 2025.",
    }


def test_les_161_lignes_font_45_postes_31_employeurs_et_aucune_convention(calvados, agent):
    lot = importer(publiee("adultes_relais_14.csv"), calvados, agent)
    assert (PosteAdulteRelais.objects.count(), ReleveAnct.objects.count()) == (45, 161)
    assert (Organisme.objects.count(), Etablissement.objects.count()) == (31, 34)
    assert ConventionAdulteRelais.objects.count() == 0  # la liste ne donne aucune date
    poste = PosteAdulteRelais.objects.get(numero="01414R0045")
    assert (poste.contrat.code, poste.employeur.siren, poste.categorie_employeur) == ("CN01403M", "750485377", "")
    assert PosteAdulteRelais.objects.get(numero="01407R0026").contrat.code == "CV051"  # absent depuis 2021
    assert poste.history.get().history_change_reason == lots.motif_du_lot("adultes_relais_14.csv", lot.cree_le)
    hors_contrat = PosteAdulteRelais.objects.get(numero="06121R0002")
    assert (hors_contrat.contrat, hors_contrat.departement) == (None, calvados)


def test_un_releve_garde_tout_ce_qui_est_publie(calvados, agent):
    importer(publiee("adultes_relais_14.csv"), calvados, agent)
    releve = ReleveAnct.objects.get(annee=2020, id_publie="01407R002604")
    assert (releve.poste.numero, releve.rang, releve.montant) == ("01407R0026", 1, Decimal("19875.06"))
    assert (releve.siret, releve.raison_sociale) == ("44389060300030", "ASSOCIATION BIEN NAITRE ET GRANDIR")
    assert (releve.code_contrat, releve.source) == (
        "CV051",
        "ANCT, Ci.Ville 2020-2023 (github.com/anct-carto/ci-ville)",
    )


def test_une_collectivite_est_une_personne_publique(calvados, agent):
    importer(publiee("adultes_relais_14.csv"), calvados, agent)
    formes = dict(Organisme.objects.filter(droit=Droit.PUBLIC).values_list("nom", "forme"))
    assert formes == {
        "CENTRE COMMUNAL D'ACTION SOCIALE": FormeOrganisme.CCAS,
        "CCAS": FormeOrganisme.CCAS,
        "COMMUNE DE COLOMBELLES": FormeOrganisme.COMMUNE,
        "COMMUNE DE HONFLEUR": FormeOrganisme.COMMUNE,
        "COMMUNE DE LISIEUX": FormeOrganisme.COMMUNE,
    }


def test_rejouer_la_liste_ne_change_rien(calvados, agent):
    importer(publiee("adultes_relais_14.csv"), calvados, agent)
    plan = essayer(publiee("adultes_relais_14.csv"), calvados, agent)
    assert compteurs(plan) == {"inchange": 161}
    assert not plan.change_quelque_chose
    assert par_annee(plan)["2024"] == par_annee(plan, apres=0)["2024"] == (29, 29, Decimal("661507.69"))
    importer(publiee("adultes_relais_14.csv"), calvados, agent)
    assert (ReleveAnct.history.count(), PosteAdulteRelais.history.count(), Organisme.history.count()) == (161, 45, 31)


# --- Les 91 postes FONJEP publiés ---


def test_les_91_lignes_fonjep_gardent_les_doublons_de_2025_et_les_nomment(calvados, agent):
    plan = essayer(publiee("fonjep_14.csv"), calvados, agent, "fonjep")
    assert compteurs(plan) == {"cree": 91}
    assert par_annee(plan) == {
        "2020": (13, 13, Decimal("91938.00")),
        "2021": (13, 13, Decimal("93132.00")),
        "2022": (13, 13, Decimal("93132.00")),
        "2023": (13, 13, Decimal("93132.00")),
        "2024": (13, 13, Decimal("93132.00")),
        "2025": (13, 26, Decimal("185070.00")),  # 13 × 7 164 €, puis 12 × 7 164 € et 5 970 €
    }
    assert set(messages(plan)) == {
        "B1 : Postes répétés dans la liste de 2025, et gardés. 12 lignes : 81, 82, 83, 84, 85 et 7 autres.",
        "C1 : porteurs inconnus, qui seront créés sans SIRET. 16 lignes : 2, 3, 4, 5, 6 et 11 autres.",
        "B80 : D00188 est déjà dans la liste de 2025, à la ligne 67, pour un autre montant, 5 970,00 € au lieu de "
        "7 164,00 € : la répétition est gardée.",
    }
    importer(publiee("fonjep_14.csv"), calvados, agent, "fonjep")
    assert (PosteFonjep.objects.count(), ReleveFonjep.objects.count()) == (16, 91)
    rangs = ReleveFonjep.objects.filter(annee=2025, id_publie="D00188").values_list("rang", "montant")
    assert list(rangs) == [(1, Decimal("7164.00")), (2, Decimal("5970.00"))]


def test_rejouer_des_doublons_dans_un_autre_ordre_ne_change_rien(calvados, agent):
    doublons = [
        ["2025", "D00188", "ASSOCIATION", "7164", "CN01403M"],
        ["2025", "D00188", "ASSOCIATION", "5970", "CN01403M"],
    ]
    entetes = ["annee", "id_poste", "raison_sociale", "montant", "code_cv"]
    importer(liste(*doublons, entetes=entetes), calvados, agent, "fonjep")
    plan = essayer(liste(*reversed(doublons), entetes=entetes), calvados, agent, "fonjep")
    assert compteurs(plan) == {"inchange": 2}


def test_un_poste_fonjep_retrouve_l_employeur_d_un_adulte_relais_par_son_nom(calvados, agent):
    importer(publiee("adultes_relais_14.csv"), calvados, agent)
    importer(publiee("fonjep_14.csv"), calvados, agent, "fonjep")
    assert PosteFonjep.objects.get(code="D00820").association.siren == "488600347"  # LE RELAIS SCOLAIRE


def test_un_siret_se_compare_a_celui_de_la_convention_precedente_deja_gardee(calvados, agent):
    importer(liste(ligne(annee="2023", id_poste="01414R004502", code_cv="CV051")), calvados, agent)
    plan = essayer(liste(ligne(code_tiers="75048537700022")), calvados, agent)
    change = "C2 : le SIRET de 01414R0045 change : 75048537700014 en 2023, 75048537700022 en 2024."
    assert change in messages(plan)


def test_une_liste_corrigee_qui_renomme_une_ligne_gardee_est_signalee(calvados, agent):
    importer(liste(ligne(id_poste="01414R004502")), calvados, agent)
    assert messages(essayer(liste(LIGNE), calvados, agent)) == [
        "B2 : 01414R0045 est déjà gardé en 2024, sous 01414R004502 : cette ligne s’y ajoute."
    ]


# --- De quel poste parle une ligne ---


def test_une_liste_nationale_ne_donne_que_les_lignes_du_departement(calvados, agent):
    entetes = [*ENTETES, "insee_dep"]
    ailleurs = ["2024", "03014R000100", "", "AILLEURS", "22810.61", "CN03001M", "30"]
    plan = essayer(liste([*LIGNE, "14"], ailleurs, entetes=entetes), calvados, agent)
    assert compteurs(plan) == {"cree": 1}
    assert "G1 : 1 ligne d’un autre département laissée de côté : 30." in messages(plan)


def test_une_cellule_fausse_d_un_autre_departement_ne_refuse_pas_la_liste(calvados, agent):
    """Les lignes des autres sont comptées et nommées, sans être validées : « vingt mille » n'y gêne personne."""
    entetes = [*ENTETES, "insee_dep"]
    autres = [
        ["1920", "??", "7,5E+13", "RÃ‰GIE", "vingt mille", "CN03001M", f"{n:02d}"] for n in (1, 2, 30, 50, 61, 76)
    ]
    plan = essayer(liste(*autres * 300, [*LIGNE, 14], *autres, entetes=entetes), calvados, agent)
    assert (compteurs(plan), messages(plan, "refus")) == ({"cree": 1}, [])
    dit = "G1 : 1 806 lignes d’autres départements laissées de côté : 01, 02, 30, 50, 61 et 1 autre."
    assert dit in messages(plan)


def test_les_lignes_du_departement_choisi_sont_seules_validees(calvados, agent):
    entetes = [*ENTETES, "insee_dep"]
    fausse = [*ligne(montant="vingt mille"), "14"]
    plan = essayer(
        liste(["2024", "03014R000100", "", "AILLEURS", "x", "", "30"], fausse, entetes=entetes), calvados, agent
    )
    assert messages(plan, "refus") == [
        "E3 : « vingt mille » n’est pas un montant : écrire des chiffres, par exemple 1 234,50."
    ]


@pytest.mark.parametrize("departement", ["14", "", 14])
def test_un_numero_d_ailleurs_dans_une_ligne_du_calvados_est_nomme_et_garde(calvados, agent, departement):
    """La colonne du département, ou à défaut le contrat, dit le Calvados : la ligne est lue, son numéro est nommé."""
    entetes = [*ENTETES, "insee_dep"]
    ailleurs = [*ligne(id_poste="06121R000200"), departement]
    plan = essayer(liste([*LIGNE, "14"], ailleurs, entetes=entetes), calvados, agent)
    assert compteurs(plan) == {"cree": 2}
    nomme = "B3 : 06121R000200 est le numéro d’un autre département ; il est gardé dans Calvados (14)."
    assert nomme in messages(plan)
    assert [phrase for phrase in messages(plan) if "laissée" in phrase] == []


def test_une_ligne_sans_departement_est_laissee_de_cote_si_rien_ne_la_dit_du_calvados(calvados, agent):
    """Saint-Martin n'a pas de code : sa ligne n'entre dans aucun département, ni sa cellule fausse."""
    saint_martin = ["2024", "97119R003501", "", "ASSOCIATION", "vingt mille", "CV415", ""]
    sans_contrat = [*ligne(code_cv="", id_poste="01414R004603"), ""]
    plan = essayer(liste([*LIGNE, "14"], saint_martin, sans_contrat, entetes=[*ENTETES, "insee_dep"]), calvados, agent)
    assert compteurs(plan) == {"cree": 2}
    assert "G1 : 1 ligne d’un autre département laissée de côté : sans code." in messages(plan)


def test_une_liste_nationale_sans_colonne_du_departement_est_refusee(calvados, agent):
    """Sans elle, des milliers de postes d'ailleurs entreraient dans le Calvados sous un simple avertissement."""
    ailleurs = [ligne(id_poste=f"03014R{n:06d}") for n in range(2)]
    with pytest.raises(FichierRefuse, match="2 numéros de cette liste sur 3 ne sont pas du département Calvados"):
        essayer(liste(LIGNE, *ailleurs), calvados, agent)


@pytest.mark.parametrize(
    ("code", "numero"),
    [
        ("59", "59V24R001300"),
        ("59", "59L24R001300"),
        ("2A", "02A22R000100"),
        ("971", "97119R003501"),
        ("40", "04006RT00305"),
    ],
)
def test_les_numeros_que_l_anct_publie_ailleurs_qu_au_calvados_se_lisent(code, numero):
    departement = DepartementFactory(code=code)
    agent = habiliter(Role.AGENT, departement=departement)
    plan = essayer(liste(ligne(id_poste=numero, code_cv="")), departement, agent)
    assert compteurs(plan) == {"cree": 1}


def test_une_liste_sans_aucune_ligne_du_departement_est_refusee(calvados, agent):
    with pytest.raises(FichierRefuse, match="n’a aucune ligne du département Calvados"):
        essayer(liste([*LIGNE, "30"], entetes=[*ENTETES, "insee_dep"]), calvados, agent)


def test_un_departement_illisible_est_refuse_avec_sa_ligne(calvados, agent):
    plan = essayer(liste([*LIGNE, "Calvdos"], entetes=[*ENTETES, "insee_dep"]), calvados, agent)
    assert messages(plan, "refus") == ["G2 : « Calvdos » n’est pas le code d’un département : par exemple 14."]


def test_un_numero_de_securite_sociale_est_refuse_meme_chez_un_autre_departement(calvados, agent):
    entetes = [*ENTETES, "insee_dep"]
    nominative = ["2024", "03014R000100", "", "1 85 05 78 006 084 91", "22810.61", "CN03001M", "30"]
    with pytest.raises(FichierRefuse, match="La cellule D3 .* ressemble à un numéro de sécurité sociale"):
        essayer(liste([*LIGNE, "14"], nominative, entetes=entetes), calvados, agent)


def test_le_poste_connu_est_retrouve_et_garde_son_employeur(calvados, agent):
    poste = PosteFactory(numero="01414R0045", departement=calvados, contrat=calvados.contrats.get(code="CN01403M"))
    importer(liste(LIGNE), calvados, agent)
    assert PosteAdulteRelais.objects.get() == poste
    poste.refresh_from_db()
    assert (poste.version, poste.employeur.nom, poste.releves.get().annee) == (1, poste.employeur.nom, 2024)


def test_le_contrat_du_poste_suit_la_liste_d_un_contrat_plus_recent(calvados, agent):
    importer(liste(ligne(annee="2023", code_cv="CV051")), calvados, agent)
    importer(liste(LIGNE), calvados, agent)
    assert PosteAdulteRelais.objects.get().contrat.code == "CN01403M"
    importer(liste(ligne(annee="2022", code_cv="CV051")), calvados, agent)
    assert PosteAdulteRelais.objects.get().contrat.code == "CN01403M"  # une liste plus ancienne n'y change rien


def test_un_poste_dont_les_quartiers_sont_choisis_garde_son_contrat(calvados, agent):
    ancien = calvados.contrats.get(code="CV051")
    poste = PosteFactory(numero="01414R0045", departement=calvados, contrat=ancien)
    poste.lieux.create(quartier=QuartierFactory(contrat=ancien))
    plan = essayer(liste(LIGNE), calvados, agent)
    assert any(phrase.startswith("F2 : le poste 01414R0045 est au ") for phrase in messages(plan))
    importer(liste(LIGNE), calvados, agent)
    poste.refresh_from_db()
    assert poste.contrat == ancien


def test_l_employeur_est_retrouve_par_son_siren(calvados, agent):
    connu = OrganismeFactory(siren=SIRET[:9], nom="Collectif")
    importer(liste(LIGNE), calvados, agent)
    assert PosteAdulteRelais.objects.get().employeur == connu
    assert Etablissement.objects.get(siret=SIRET).organisme == connu


def test_un_classeur_excel_dont_le_siret_est_un_nombre_se_lit_pareil(calvados, agent):
    classeur = fichier(ENTETES, [2024, "01414R004503", 75048537700014, "COLLECTIF", 22810.61, "CN01403M"])
    importer(classeur, calvados, agent)
    releve = ReleveAnct.objects.get()
    assert (releve.siret, releve.montant) == (SIRET, Decimal("22810.61"))
    assert compteurs(essayer(liste(LIGNE), calvados, agent)) == {"inchange": 1}


@pytest.mark.parametrize("nom", ["CHÂTEAU D’ÉCOUTE", "ŽIVOT", "L’Â", "MÂCON « Âge »"])
def test_un_nom_bien_ecrit_n_est_pas_pris_pour_mal_encode(calvados, agent, nom):
    assert compteurs(essayer(liste(ligne(raison_sociale=nom)), calvados, agent)) == {"cree": 1}


# --- Ce qui est refusé ---


@pytest.mark.parametrize(
    ("changements", "phrase"),
    [
        ({"montant": "vingt mille"}, "E2 : « vingt mille » n’est pas un montant : écrire"),
        ({"montant": ""}, "E2 : « Montant publié » est obligatoire : remplir la cellule."),
        ({"montant": "-3"}, "E2 : « -3 » est négatif : un montant ne peut pas l’être."),
        ({"id_poste": "14-45"}, "B2 : « 14-45 » n’est pas un identifiant de poste : par exemple 01414R004503."),
        ({"annee": "1920"}, "A2 : « 1920 » n’est pas entre 2000 et"),
        ({"code_tiers": "7504"}, "C2 : « 7504 » n’est pas un SIRET : 14 chiffres."),
        ({"code_tiers": "7,5E+13"}, "C2 : « 7,5E+13 » a perdu ses chiffres : mettre la colonne au format texte."),
        ({"raison_sociale": ""}, "D2 : « Raison sociale » est obligatoire : remplir la cellule."),
        (
            {"raison_sociale": "RÃ‰GIE DE QUARTIER"},
            "D2 : « RÃ‰GIE DE QUARTIER » est mal encodé : enregistrer le fichier en UTF-8, puis recommencer.",
        ),
        ({"raison_sociale": "R\N{REPLACEMENT CHARACTER}GIE"}, "D2 : « R\N{REPLACEMENT CHARACTER}GIE » est mal encodé"),
    ],
)
def test_une_cellule_fausse_est_nommee_et_rien_n_est_ecrit(calvados, agent, changements, phrase):
    lot = lots.deposer(liste(ligne(**changements)), calvados, par=agent, quoi="adultes-relais")
    plan = lots.planifier(lot, par=agent)
    assert messages(plan, "refus")[0].startswith(phrase)
    with pytest.raises(OperationRefusee):
        lots.confirmer(lot, par=agent)
    assert (PosteAdulteRelais.objects.count(), Organisme.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("changements", "nom"),
    [({"montant": "vingt mille"}, "01414R004503"), ({"id_poste": "", "montant": "vingt mille"}, "COLLECTIF")],
)
def test_une_ligne_refusee_se_reconnait_a_son_poste_ou_a_son_employeur(calvados, agent, changements, nom):
    plan = essayer(liste(ligne(**changements)), calvados, agent)
    assert [montree.intitule for montree in Apercu(plan.en_json()).lignes] == [nom]


@pytest.mark.parametrize("manquante", ["annee", "id_poste", "raison_sociale", "montant", "code_cv"])
def test_une_colonne_manquante_est_nommee(calvados, agent, manquante):
    garder = [rang for rang, nom in enumerate(ENTETES) if nom != manquante]
    fichier = liste([LIGNE[rang] for rang in garder], entetes=[ENTETES[rang] for rang in garder])
    with pytest.raises(FichierRefuse, match="Colonne obligatoire introuvable"):
        essayer(fichier, calvados, agent)


@pytest.mark.parametrize("titre", ["Nom", "Prénom", "Nom du salarié", "Date de naissance", "NIR", "Titulaire"])
def test_une_colonne_sur_une_personne_fait_refuser_le_fichier(calvados, agent, titre):
    with pytest.raises(FichierRefuse, match="des données sur des personnes"):
        lots.deposer(liste([*LIGNE, "x"], entetes=[*ENTETES, titre]), calvados, par=agent, quoi="adultes-relais")
    assert Lot.objects.count() == 0


def test_aucun_titre_que_nos_imports_connaissent_n_est_pris_pour_une_personne(calvados):
    responsable = habiliter(Role.RESPONSABLE, departement=calvados)
    for modele in modeles():
        ou = ExerciceFactory(departement=calvados) if modele.demande_un_exercice else calvados
        champs = modele.champs(modele.contexte(ou, responsable, "Essai"))
        titres = [titre for champ in champs for titre in (champ.nom, champ.libelle, *champ.synonymes)]
        assert [titres[rang] for rang in colonnes_nominatives(titres, modele.titres_nominatifs)] == []


@pytest.mark.parametrize("encodage", ["utf-16", "cp850", "mac-roman"])
def test_un_encodage_illisible_est_refuse(calvados, agent, encodage):
    texte = "\r\n".join([";".join(ENTETES), ";".join(ligne(raison_sociale="La Régie élargie"))])
    assert re.search(
        "mal encodé|n’est pas celui d’un fichier .csv|ni en UTF-8", refus_de(texte.encode(encodage), calvados, agent)
    )


def refus_de(octets, departement, par):
    """Le premier refus, du fichier ou d'une cellule."""
    try:
        plan = essayer(lots.recevoir_un_fichier(io.BytesIO(octets), "liste.csv"), departement, par)
    except FichierRefuse as refus:
        return en_clair(str(refus))
    return messages(plan, "refus")[0]


def test_le_meme_poste_chez_deux_employeurs_la_meme_annee_est_refuse(calvados, agent):
    autre = ligne(code_tiers="48860034700048", raison_sociale="LE RELAIS SCOLAIRE")
    plan = essayer(liste(LIGNE, autre), calvados, agent)
    assert messages(plan, "refus") == [
        "B3 : 01414R0045 est déjà dans la liste de 2024, à la ligne 2, chez un autre employeur : garder une seule des deux "
        "lignes."
    ]


def test_le_meme_poste_deux_fois_la_meme_annee_est_nomme_et_garde_a_son_rang(calvados, agent):
    ailleurs, suivante = ligne(code_cv="CN01402M"), ligne(id_poste="01414R004504")
    plan = essayer(liste(LIGNE, ailleurs, suivante), calvados, agent)
    assert [m for m in messages(plan) if m.startswith("B")] == [
        "B3 : 01414R0045 est déjà dans la liste de 2024, à la ligne 2 : la répétition est gardée.",
        "B4 : 01414R0045 est déjà dans la liste de 2024, à la ligne 2 : la répétition est gardée.",
    ]
    importer(liste(LIGNE, ailleurs, suivante), calvados, agent)
    releves = ReleveAnct.objects.values_list("id_publie", "rang")
    assert sorted(releves) == [("01414R004503", 1), ("01414R004503", 2), ("01414R004504", 1)]


def test_une_ligne_collee_deux_fois_est_refusee_et_rien_n_est_ecrit(calvados, agent):
    """Chaque copie est nommée, même loin de l'originale ; ce qui diffère d'une cellule est une répétition, gardée."""
    ailleurs = ligne(code_cv="CN01402M")
    lot = lots.deposer(liste(LIGNE, ailleurs, LIGNE, ailleurs), calvados, par=agent, quoi="adultes-relais")
    plan = lots.planifier(lot, par=agent)
    assert compteurs(plan) == {"cree": 2, "refuse": 2}
    assert messages(plan, "refus") == [
        "B4 : cette ligne recopie la ligne 2, cellule pour cellule : en supprimer une.",
        "B5 : cette ligne recopie la ligne 3, cellule pour cellule : en supprimer une.",
    ]
    with pytest.raises(OperationRefusee):
        lots.confirmer(lot, par=agent)
    assert (PosteAdulteRelais.objects.count(), ReleveAnct.objects.count()) == (0, 0)


def test_une_ligne_collee_deux_fois_sous_une_annee_deja_gardee_est_refusee(calvados, agent):
    importer(liste(LIGNE), calvados, agent)
    plan = essayer(liste(LIGNE, LIGNE), calvados, agent)
    assert compteurs(plan) == {"inchange": 1, "refuse": 1}


def test_aucune_ligne_publiee_du_calvados_n_est_une_recopie_sauf_les_douze_fonjep_de_2025(calvados, agent):
    """La règle vient de là : la source ne répète à l'identique que les postes FONJEP de 2025, nommés et gardés."""
    recopies = {}
    for nom in ("adultes_relais_14.csv", "fonjep_14.csv"):
        lignes = (PUBLIEES / nom).read_text(encoding="utf-8-sig").splitlines()
        recopies[nom] = [ligne[:4] for rang, ligne in enumerate(lignes) if ligne in lignes[:rang]]
    assert recopies == {"adultes_relais_14.csv": [], "fonjep_14.csv": ["2025"] * 12}


@pytest.mark.parametrize(
    ("changements", "phrase"),
    [
        (
            {"montant": "20000"},
            "E2 : la liste de 2024 déjà gardée disait 22 810,61 € pour 01414R004503 : à vérifier.",
        ),
        ({"code_tiers": ""}, f"C2 : la liste de 2024 déjà gardée disait {SIRET} pour 01414R004503 : à vérifier."),
        ({"code_cv": "CN01401M"}, "F2 : la liste de 2024 déjà gardée disait CN01403M pour 01414R004503 : à vérifier."),
    ],
)
def test_un_releve_deja_garde_qui_dirait_autre_chose_est_refuse(calvados, agent, changements, phrase):
    importer(liste(LIGNE), calvados, agent)
    assert messages(essayer(liste(ligne(**changements)), calvados, agent), "refus") == [phrase]


def test_un_contrat_d_un_autre_departement_est_refuse(calvados, agent):
    ContratFactory(departement=DepartementFactory(code="30"), code="CN03007I")
    phrases = messages(essayer(liste(ligne(code_cv="CN03007I")), calvados, agent), "refus")
    assert phrases == ["F2 : « CN03007I » est un contrat d’un autre département, Gard (30)."]


def test_un_contrat_inconnu_n_est_garde_que_dans_le_releve(calvados, agent):
    importer(liste(ligne(code_cv="CN99999X")), calvados, agent)
    assert (PosteAdulteRelais.objects.get().contrat, ReleveAnct.objects.get().code_contrat) == (None, "CN99999X")


def test_la_liste_d_un_autre_departement_est_refusee(calvados, agent):
    with pytest.raises(FichierRefuse, match="dont les postes commencent par 014"):
        essayer(liste(ligne(id_poste="03014R000100")), calvados, agent)


def test_le_poste_d_un_autre_departement_est_refuse(calvados, agent):
    PosteFonjepFactory(code="D00188", departement=DepartementFactory(code="30"), contrat=None)
    plan = essayer(liste(ligne(id_poste="D00188")), calvados, agent, "fonjep")
    assert messages(plan, "refus") == ["B2 : D00188 est un poste d’un autre département, Gard (30)."]


def test_un_siret_a_la_cle_fausse_est_garde_et_nomme(calvados, agent):
    faux = SIRET[:-1] + "5"
    assert f"C2 : la clé du SIRET {faux} est fausse : COLLECTIF est cherché par son nom." in messages(
        essayer(liste(ligne(code_tiers=faux)), calvados, agent)
    )
    importer(liste(ligne(code_tiers=faux)), calvados, agent)
    assert (ReleveAnct.objects.get().siret, Etablissement.objects.count()) == (faux, 0)


# --- Qui importe ---


@pytest.mark.parametrize("role", [Role.LECTEUR, Role.DELEGUE, Role.PARTENAIRE])
def test_seul_qui_ecrit_dans_tout_le_departement_importe_une_liste(calvados, role):
    with pytest.raises(DroitManquant):
        essayer(liste(LIGNE), calvados, habiliter(role, departement=calvados))


def test_l_agent_d_un_contrat_n_importe_pas_de_liste(calvados):
    with pytest.raises(DroitManquant):
        essayer(liste(LIGNE), calvados, habiliter(Role.AGENT, contrat=calvados.contrats.get(code="CV051")))


def test_sans_bareme_fonjep_aucun_montant_n_est_suspect(calvados, agent):
    BaremeFonjep.objects.all().delete()
    plan = essayer(liste(ligne(montant="7164")), calvados, agent)
    assert not [phrase for phrase in messages(plan) if "FONJEP" in en_clair(phrase)]


# --- L'écran et la commande ---


def deposer(client, nom, quoi, **champs):
    fichier = SimpleUploadedFile(nom, (PUBLIEES / nom).read_bytes())
    return client.post(AJOUTER, {"quoi": quoi, "fichier": fichier, **champs})


def choix_des_colonnes(page):
    """Les colonnes que la page propose, champ par champ, avec ce qu'il faut pour les envoyer."""
    choix = {n.get("name"): n.get("value") for n in noeuds(page, "//main//form[@method='post']//input[@type='hidden']")}
    for liste_de_choix in noeuds(page, "//main//form[@method='post']//select"):
        retenue = liste_de_choix.xpath(".//option[@selected]/@value")
        choix[liste_de_choix.get("name")] = retenue[0] if retenue else ""
    return choix


def test_du_depot_a_la_confirmation_sans_aucun_exercice(client, calvados, agent):
    client.force_login(agent)
    page = client.get(AJOUTER)
    assert textes(page, "//fieldset//label") == [
        "Adultes-relais : liste publiée par l’ANCT",
        "FONJEP : liste publiée par l’ANCT",
    ]
    reponse = deposer(client, "adultes_relais_14.csv", "adultes-relais")
    page = client.get(reponse.url)
    choix = choix_des_colonnes(page)
    lues = [choix[f"colonne_{rang}"] for rang in range(7)]
    assert lues == ["annee", "id", "siret", "porteur", "montant", "contrat", "source"]
    page = client.get(client.post(reponse.url, choix).url)
    assert "Adultes-relais : liste publiée par l’ANCT, Calvados (14), déposé le" in en_clair(
        textes(page, "//main/p")[0]
    )
    assert textes(page, "//thead/tr[1]/th") == ["Année", "Postes", "Lignes publiées", "Montant publié"]
    assert list(map(en_clair, textes(page, "//tbody/tr[3]/*"))) == [
        "2022",
        "0",
        "30",
        "0",
        "30",
        "0,00 €",
        "637 620,00 €",
    ]
    assert PosteAdulteRelais.objects.count() == 0
    lot = Lot.objects.get()
    page = client.post(f"/programmation/imports/{lot.pk}/confirmer/", follow=True)
    assert "Voir les postes adultes-relais" in textes(page, "//main//a")
    assert PosteAdulteRelais.objects.count() == 45
    assert textes(client.get("/programmation/imports/"), "//tbody/tr")[0].startswith(
        "adultes_relais_14.csv Adultes-relais : liste publiée par l’ANCT Calvados (14) Appliqué 161 0"
    )


def test_une_liste_se_depose_dans_un_des_departements_de_l_agent(client, calvados):
    gard = DepartementFactory(code="30")
    agent = habiliter(Role.AGENT, departement=calvados)
    agent.habilitations.create(role=Role.RESPONSABLE, departement=gard)
    client.force_login(agent)
    assert "Choisir un département." in deposer(client, "fonjep_14.csv", "fonjep").content.decode()
    deposer(client, "fonjep_14.csv", "fonjep", departement=gard.pk)
    assert Lot.objects.get().departement == gard
    ailleurs = DepartementFactory(code="76", nom="Seine-Maritime")
    assert deposer(client, "fonjep_14.csv", "fonjep", departement=ailleurs.pk).status_code == 200
    assert Lot.objects.count() == 1


def test_la_correspondance_d_actions_ne_se_prend_pas_pour_une_liste(client, calvados, agent):
    reglage = ModeleDeColonnes.objects.create(nom="Service", modele="actions", auteur=agent, departement=calvados)
    client.force_login(agent)
    page = deposer(client, "fonjep_14.csv", "fonjep", modele_de_colonnes=reglage.pk)
    assert "Cette correspondance est celle d’une autre sorte de fichier." in page.content.decode()


def test_un_agent_d_un_autre_departement_ne_voit_pas_le_lot_d_une_liste(client, calvados, agent):
    lot = lots.deposer(liste(LIGNE), calvados, par=agent, quoi="adultes-relais")
    client.force_login(habiliter(Role.AGENT, departement=DepartementFactory(code="30")))
    assert client.get(f"/programmation/imports/{lot.pk}/").status_code == 404
    assert textes(client.get("/programmation/imports/"), "//tbody/tr") == []


def test_la_commande_importe_une_liste_sans_exercice(calvados, agent):
    sortie = io.StringIO()
    options = ("--departement", "14", "--quoi", "fonjep")
    call_command("importer", str(PUBLIEES / "fonjep_14.csv"), *options, stdout=sortie)
    assert "  créées           91\n" in sortie.getvalue()
    assert PosteFonjep.objects.count() == 16
    call_command("importer", str(PUBLIEES / "fonjep_14.csv"), *options, stdout=sortie)
    assert sortie.getvalue().endswith("Rien à écrire : tout est déjà enregistré.\n")


def test_la_commande_demande_l_annee_pour_des_actions(calvados, agent):
    with pytest.raises(CommandError, match="préciser --annee"):
        call_command("importer", str(PUBLIEES / "fonjep_14.csv"), "--departement", "14")
