"""Charger les territoires : départements, EPCI, communes, contrats, quartiers, filiations, nombres annoncés."""

from pathlib import Path

from politique_ville.outils.reference import Bilan, Table, lire_csv, lire_geojson
from politique_ville.outils.synchronisation import Synchronisation

from .models import (
    AncienneCommune,
    Commune,
    ContratDeVille,
    Departement,
    FiliationContrat,
    FiliationQuartier,
    Intercommunalite,
    NombreAnnonce,
    Quartier,
)

SIREN = (r"\d{9}", "un SIREN de neuf chiffres")
CODE_INSEE = (r"\d[\dAB]\d{3}", "un code INSEE de cinq caractères")


def departements_par_code():
    return {departement.code: departement for departement in Departement.objects.all()}


def _epci_par_siren():
    return {epci.siren: epci for epci in Intercommunalite.objects.all()}


def _communes_par_code():
    return {commune.code_insee: commune for commune in Commune.objects.all()}


def _contrats_par_reference():
    """Un contrat se désigne par son code ANCT ou, s'il n'en a pas, par son intitulé."""
    return {contrat.code or contrat.intitule: contrat for contrat in ContratDeVille.objects.all()}


def _quartiers_par_reference():
    """Un quartier se désigne, dans son contrat, par son code ou par son nom."""
    quartiers = list(Quartier.objects.all())
    par_nom = {(quartier.contrat_id, quartier.nom): quartier for quartier in quartiers}
    return par_nom | {(quartier.contrat_id, quartier.code): quartier for quartier in quartiers if quartier.code}


def charger_departements(fichier: Path) -> Bilan:
    synchronisation = Synchronisation(Departement, ["code"], Departement.objects.all())
    for ligne in lire_csv(fichier, "code nom region"):
        synchronisation.ajouter(
            ligne,
            code=ligne.obligatoire("code"),
            nom=ligne.obligatoire("nom"),
            region=ligne.obligatoire("region"),
        )
    return synchronisation.ecrire()


def charger_intercommunalites(fichier: Path) -> Bilan:
    """Les EPCI, chaque successeur avant ceux qu'il remplace, quel que soit l'ordre des lignes."""
    restantes, bilan = lire_csv(fichier, "siren nom nature successeur"), Bilan()
    while restantes:
        connus = _epci_par_siren()
        pretes = [ligne for ligne in restantes if ligne.texte("successeur") in {"", *connus}]
        bilan += _charger_epci(pretes or restantes, connus)
        restantes = [ligne for ligne in restantes if ligne not in pretes]
    return bilan


def _charger_epci(lignes, connus):
    synchronisation = Synchronisation(Intercommunalite, ["siren"], connus.values())
    for ligne in lignes:
        synchronisation.ajouter(
            ligne,
            siren=ligne.code("siren", *SIREN),
            nom=ligne.obligatoire("nom"),
            nature=ligne.texte("nature"),
            successeur=ligne.lien("successeur", connus, "EPCI"),
        )
    return synchronisation.ecrire()


def charger_communes(fichier: Path) -> Bilan:
    departements, epci = departements_par_code(), _epci_par_siren()
    synchronisation = Synchronisation(Commune, ["code_insee"], Commune.objects.all())
    for ligne in lire_csv(fichier, "code_insee nom departement siren_epci population"):
        synchronisation.ajouter(
            ligne,
            code_insee=ligne.code("code_insee", *CODE_INSEE),
            nom=ligne.obligatoire("nom"),
            departement=ligne.lien_obligatoire("departement", departements, "département"),
            intercommunalite=ligne.lien("siren_epci", epci, "EPCI"),
            population=ligne.entier("population"),
        )
    return synchronisation.ecrire()


def charger_anciennes_communes(fichier: Path) -> Bilan:
    communes = _communes_par_code()
    synchronisation = Synchronisation(AncienneCommune, ["code_insee commune"], AncienneCommune.objects.all())
    for ligne in lire_csv(fichier, "code_insee nom commune"):
        synchronisation.ajouter(
            ligne,
            code_insee=ligne.code("code_insee", *CODE_INSEE),
            nom=ligne.obligatoire("nom"),
            commune=ligne.lien_obligatoire("commune", communes, "code de commune"),
        )
    return synchronisation.ecrire()


def charger_contrats(fichier: Path) -> Bilan:
    departements, epci, communes = departements_par_code(), _epci_par_siren(), _communes_par_code()
    synchronisation = Synchronisation(
        ContratDeVille, ["code", "departement generation intitule"], ContratDeVille.objects.all()
    )
    for ligne in lire_csv(fichier, "code generation intitule departement siren_epci debut fin communes"):
        synchronisation.ajouter(
            ligne,
            code=ligne.texte("code"),
            generation=ligne.obligatoire("generation"),
            intitule=ligne.obligatoire("intitule"),
            departement=ligne.lien_obligatoire("departement", departements, "département"),
            intercommunalite=ligne.lien_obligatoire("siren_epci", epci, "EPCI"),
            debut=ligne.date("debut"),
            fin=ligne.date("fin"),
            signe_le=ligne.date("signe_le"),
            signataires=ligne.texte("signataires"),
            communes=ligne.liens("communes", communes, "code de commune"),
            source=ligne.texte("source"),
            note=ligne.texte("note"),
        )
    return synchronisation.ecrire()


def charger_filiations_de_contrats(fichier: Path) -> Bilan:
    contrats = _contrats_par_reference()
    synchronisation = Synchronisation(FiliationContrat, ["ancien nouveau"], FiliationContrat.objects.all())
    for ligne in lire_csv(fichier, "ancien nouveau"):
        synchronisation.ajouter(
            ligne,
            ancien=ligne.lien_obligatoire("ancien", contrats, "contrat"),
            nouveau=ligne.lien_obligatoire("nouveau", contrats, "contrat"),
        )
    return synchronisation.ecrire()


def charger_quartiers(fichier: Path) -> Bilan:
    contrats, communes = _contrats_par_reference(), _communes_par_code()
    synchronisation = Synchronisation(Quartier, ["code", "contrat nom"], Quartier.objects.select_related("contrat"))
    for ligne in lire_csv(fichier, "code nom nature generation contrat communes population debut"):
        ligne.obligatoire("communes")
        synchronisation.ajouter(
            ligne,
            code=ligne.texte("code"),
            nom=ligne.obligatoire("nom"),
            nom_d_usage=ligne.texte("nom_d_usage"),
            nature=ligne.obligatoire("nature"),
            generation=ligne.obligatoire("generation"),
            contrat=ligne.lien_obligatoire("contrat", contrats, "contrat"),
            communes=ligne.liens("communes", communes, "code de commune"),
            population=ligne.entier("population"),
            millesime_population=ligne.texte("millesime_population"),
            debut=ligne.date("debut"),
            fin=ligne.date("fin"),
            source=ligne.texte("source"),
            note=ligne.texte("note"),
        )
    return synchronisation.ecrire()


def charger_contours(fichier: Path) -> Bilan:
    """Les contours des quartiers déjà chargés, désignés par leur code."""
    quartiers = {quartier.code: quartier for quartier in Quartier.objects.exclude(code=None).select_related("contrat")}
    synchronisation = Synchronisation(Quartier, ["code"], quartiers.values())
    for ligne, contour in lire_geojson(fichier):
        quartier = ligne.lien_obligatoire("code", quartiers, "quartier")
        synchronisation.ajouter(ligne, code=quartier.code, contour=contour)
    return synchronisation.ecrire()


def charger_filiations_de_quartiers(fichier: Path) -> Bilan:
    contrats, quartiers = _contrats_par_reference(), _quartiers_par_reference()
    synchronisation = Synchronisation(FiliationQuartier, ["ancien nouveau"], FiliationQuartier.objects.all())

    def quartier(ligne, colonne):
        contrat = ligne.lien_obligatoire(f"{colonne}_contrat", contrats, "contrat")
        reference = ligne.obligatoire(colonne)
        return ligne.trouver((contrat.pk, reference), quartiers, "quartier de ce contrat", reference)

    for ligne in lire_csv(fichier, "ancien_contrat ancien nouveau_contrat nouveau nature"):
        synchronisation.ajouter(
            ligne,
            ancien=quartier(ligne, "ancien"),
            nouveau=quartier(ligne, "nouveau"),
            nature=ligne.obligatoire("nature"),
            source=ligne.texte("source"),
        )
    return synchronisation.ecrire()


def charger_nombres_annonces(fichier: Path) -> Bilan:
    departements = departements_par_code()
    synchronisation = Synchronisation(NombreAnnonce, ["departement objet source"], NombreAnnonce.objects.all())
    for ligne in lire_csv(fichier, "departement objet nombre date source"):
        synchronisation.ajouter(
            ligne,
            departement=ligne.lien_obligatoire("departement", departements, "département"),
            objet=ligne.obligatoire("objet"),
            nombre=ligne.entier("nombre"),
            date=ligne.date("date"),
            source=ligne.obligatoire("source"),
        )
    return synchronisation.ecrire()


TABLES = [
    Table("départements", "departements.csv", charger_departements),
    Table("intercommunalités", "intercommunalites.csv", charger_intercommunalites, est_exigee=True),
    Table("communes", "communes.csv", charger_communes, est_exigee=True),
    Table("anciennes communes", "anciennes_communes.csv", charger_anciennes_communes),
    Table("contrats de ville", "contrats.csv", charger_contrats, est_exigee=True),
    Table("filiations de contrats", "filiations_contrats.csv", charger_filiations_de_contrats),
    Table("quartiers", "quartiers.csv", charger_quartiers, est_exigee=True),
    Table("contours de quartiers", "contours.geojson", charger_contours),
    Table("filiations de quartiers", "filiations_quartiers.csv", charger_filiations_de_quartiers),
    Table("nombres annoncés", "nombres_annonces.csv", charger_nombres_annonces),
]
