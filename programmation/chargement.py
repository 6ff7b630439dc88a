"""Charger les référentiels : nomenclatures, piliers, repères, dispositifs, priorités transversales, financeurs, règles
chiffrées, textes de départ des courriers."""

from pathlib import Path

from politique_ville.outils.reference import Bilan, Table, lire_csv, lire_texte
from politique_ville.outils.synchronisation import MOTIF, Synchronisation
from territoires.chargement import departements_par_code

from .models import (
    Correspondance,
    Dispositif,
    Financeur,
    ModeleDeCourrier,
    Nomenclature,
    Parametre,
    Pilier,
    PrioriteTransversale,
    Repere,
    Thematique,
    Theme,
)


def desactive(referentiel):
    """Un agent l'a retiré de la saisie : il reste comme l'agent l'a laissé."""
    return not referentiel.est_actif


def validee(correspondance):
    """Le service a validé ce choix : le fichier ne le reprend pas."""
    return correspondance.est_validee


def tenus_par_le_service(modele: type[Parametre | ModeleDeCourrier]) -> set[int]:
    """Ceux dont la dernière écriture n'est pas un chargement : le service les a corrigés."""
    return {fait.id for fait in modele.history.latest_of_each() if fait.history_change_reason != MOTIF}


def _nomenclatures():
    return {nomenclature.millesime: nomenclature for nomenclature in Nomenclature.objects.all()}


def _piliers():
    return {pilier.code: pilier for pilier in Pilier.objects.all()}


def _trouver(ligne, colonne, index, manque):
    """L'objet que désigne un code dans son millésime : « 1.1 » n'est pas le même avant et après 2024."""
    millesime, code = ligne.obligatoire("millesime"), ligne.obligatoire(colonne)
    return ligne.trouver((millesime, code), index, manque, f"{millesime} {code}")


def charger_nomenclatures(fichier: Path) -> Bilan:
    synchronisation = Synchronisation(Nomenclature, ["millesime"], Nomenclature.objects.all())
    for ligne in lire_csv(fichier, "millesime annee_de_debut annee_de_fin source"):
        synchronisation.ajouter(
            ligne,
            millesime=ligne.obligatoire("millesime"),
            annee_de_debut=ligne.entier("annee_de_debut"),
            annee_de_fin=ligne.entier("annee_de_fin"),
            source=ligne.texte("source"),
        )
    return synchronisation.ecrire()


def charger_themes(fichier: Path) -> Bilan:
    nomenclatures = _nomenclatures()
    synchronisation = Synchronisation(Theme, ["nomenclature code"], Theme.objects.all())
    for ligne in lire_csv(fichier, "millesime code libelle"):
        synchronisation.ajouter(
            ligne,
            nomenclature=ligne.lien_obligatoire("millesime", nomenclatures, "millésime"),
            code=ligne.obligatoire("code"),
            libelle=ligne.obligatoire("libelle"),
        )
    return synchronisation.ecrire()


def charger_thematiques(fichier: Path) -> Bilan:
    """Les thématiques ; celle qui a servi dans un exercice clos ne change plus (Thematique.clean)."""
    themes = {
        (theme.nomenclature.millesime, theme.code): theme for theme in Theme.objects.select_related("nomenclature")
    }
    synchronisation = Synchronisation(Thematique, ["theme code"], Thematique.objects.all(), preserver=desactive)
    for ligne in lire_csv(fichier, "millesime theme code libelle"):
        synchronisation.ajouter(
            ligne,
            theme=_trouver(ligne, "theme", themes, "thème"),
            code=ligne.obligatoire("code"),
            libelle=ligne.obligatoire("libelle"),
        )
    return synchronisation.ecrire()


def charger_piliers(fichier: Path) -> Bilan:
    synchronisation = Synchronisation(Pilier, ["code"], Pilier.objects.all(), preserver=desactive)
    for ligne in lire_csv(fichier, "code libelle libelle_court ordre couleur nature"):
        synchronisation.ajouter(
            ligne,
            code=ligne.obligatoire("code"),
            libelle=ligne.obligatoire("libelle"),
            libelle_court=ligne.obligatoire("libelle_court"),
            ordre=ligne.entier("ordre"),
            couleur=ligne.obligatoire("couleur"),
            nature=ligne.obligatoire("nature"),
        )
    return synchronisation.ecrire()


def charger_reperes(fichier: Path) -> Bilan:
    piliers, departements = _piliers(), departements_par_code()
    synchronisation = Synchronisation(Repere, ["pilier departement periode"], Repere.objects.all())
    for ligne in lire_csv(fichier, "pilier part departement periode source"):
        synchronisation.ajouter(
            ligne,
            pilier=ligne.lien_obligatoire("pilier", piliers, "pilier"),
            part=ligne.decimal("part"),
            departement=ligne.lien_obligatoire("departement", departements, "département"),
            periode=ligne.obligatoire("periode"),
            source=ligne.obligatoire("source"),
        )
    return synchronisation.ecrire()


def charger_dispositifs(fichier: Path) -> Bilan:
    synchronisation = Synchronisation(Dispositif, ["code"], Dispositif.objects.all(), preserver=desactive)
    for ligne in lire_csv(fichier, "code libelle est_pre"):
        synchronisation.ajouter(
            ligne,
            code=ligne.obligatoire("code"),
            libelle=ligne.obligatoire("libelle"),
            est_pre=ligne.booleen("est_pre"),
        )
    return synchronisation.ecrire()


def charger_correspondances(fichier: Path) -> Bilan:
    """Le pilier proposé ; un choix suit le fichier tant que le service ne l'a pas validé."""
    thematiques = {
        (thematique.theme.nomenclature.millesime, thematique.code): thematique
        for thematique in Thematique.objects.select_related("theme__nomenclature")
    }
    dispositifs = {dispositif.code: dispositif for dispositif in Dispositif.objects.all()}
    piliers = _piliers()
    existantes = Correspondance.objects.select_related("pilier")
    synchronisation = Synchronisation(Correspondance, ["thematique dispositif"], existantes, preserver=validee)
    for ligne in lire_csv(fichier, "millesime thematique dispositif pilier"):
        synchronisation.ajouter(
            ligne,
            thematique=_trouver(ligne, "thematique", thematiques, "thématique"),
            dispositif=ligne.lien("dispositif", dispositifs, "dispositif"),
            pilier=ligne.lien_obligatoire("pilier", piliers, "pilier"),
        )
    return synchronisation.ecrire()


def charger_priorites(fichier: Path) -> Bilan:
    existantes = PrioriteTransversale.objects.all()
    synchronisation = Synchronisation(PrioriteTransversale, ["code"], existantes, preserver=desactive)
    for ligne in lire_csv(fichier, "code libelle"):
        synchronisation.ajouter(ligne, code=ligne.obligatoire("code"), libelle=ligne.obligatoire("libelle"))
    return synchronisation.ecrire()


def charger_financeurs(fichier: Path) -> Bilan:
    """Les financeurs, connus par leur nom dans leur département, ou dans toute la France s'il n'est pas dit."""
    departements = departements_par_code()
    synchronisation = Synchronisation(Financeur, ["nom departement"], Financeur.objects.all(), preserver=desactive)
    for ligne in lire_csv(fichier, "nom famille bop departement"):
        synchronisation.ajouter(
            ligne,
            nom=ligne.obligatoire("nom"),
            famille=ligne.obligatoire("famille"),
            bop=ligne.texte("bop"),
            departement=ligne.lien("departement", departements, "département"),
        )
    return synchronisation.ecrire()


def charger_parametres(fichier: Path) -> Bilan:
    """Les règles chiffrées, avec leur date et leur source ; ce que le fichier tait n'a pas de valeur connue."""
    departements, tenus = departements_par_code(), tenus_par_le_service(Parametre)
    synchronisation = Synchronisation(
        Parametre,
        ["code departement depuis"],
        Parametre.objects.all(),
        preserver=lambda parametre: parametre.pk in tenus,
    )
    for ligne in lire_csv(fichier, "code departement depuis valeur source"):
        ligne.obligatoire("depuis")
        synchronisation.ajouter(
            ligne,
            code=ligne.obligatoire("code"),
            departement=ligne.lien("departement", departements, "département"),
            depuis=ligne.date("depuis"),
            valeur=ligne.decimal("valeur"),
            source=ligne.obligatoire("source"),
        )
    return synchronisation.ecrire()


def charger_modeles_de_courrier(fichier: Path) -> Bilan:
    """Les textes de départ ; le corps est dans un fichier à part. Un texte que le service a corrigé reste le sien."""
    tenus = tenus_par_le_service(ModeleDeCourrier)
    synchronisation = Synchronisation(
        ModeleDeCourrier,
        ["nom departement"],
        ModeleDeCourrier.objects.all(),
        preserver=lambda modele: modele.pk in tenus,
    )
    for ligne in lire_csv(fichier, "nature nom objet signataire corps"):
        synchronisation.ajouter(
            ligne,
            nature=ligne.obligatoire("nature"),
            nom=ligne.obligatoire("nom"),
            objet=ligne.obligatoire("objet"),
            signataire=ligne.texte("signataire"),
            corps=lire_texte(fichier.with_suffix("") / ligne.obligatoire("corps")).strip(),
        )
    return synchronisation.ecrire()


TABLES = [
    Table("nomenclatures", "nomenclatures.csv", charger_nomenclatures),
    Table("thèmes", "themes.csv", charger_themes),
    Table("thématiques", "thematiques.csv", charger_thematiques),
    Table("piliers", "piliers.csv", charger_piliers),
    Table("repères", "reperes.csv", charger_reperes),
    Table("dispositifs", "dispositifs.csv", charger_dispositifs),
    Table("correspondances", "correspondances.csv", charger_correspondances),
    Table("priorités transversales", "priorites.csv", charger_priorites),
    Table("financeurs", "financeurs.csv", charger_financeurs),
    Table("règles chiffrées", "parametres.csv", charger_parametres),
    Table("modèles de courrier", "modeles_de_courrier.csv", charger_modeles_de_courrier),
]
