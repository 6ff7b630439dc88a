"""Charger les barèmes (leurs trous sont déclarés comme des trous) et les repères nationaux de PRE."""

from pathlib import Path

from politique_ville.outils.reference import Bilan, Table, lire_csv
from politique_ville.outils.synchronisation import MOTIF, Synchronisation

from .models import Bareme, BaremeAdulteRelais, BaremeFonjep, ReperePre


def tenus_par_le_service(modele: type[Bareme]) -> set[int]:
    """Ceux dont la dernière écriture n'est pas un chargement : le service a rempli un trou ou corrigé un montant."""
    return {fait.id for fait in modele.history.latest_of_each() if fait.history_change_reason != MOTIF}


def charger_des_baremes(modele: type[Bareme], fichier: Path) -> Bilan:
    """Le fichier ne reprend pas un barème que tient le service, quel que soit le statut que celui-ci lui donne."""
    tenus = tenus_par_le_service(modele)
    synchronisation = Synchronisation(
        modele, ["date_effet"], modele.objects.all(), preserver=lambda bareme: bareme.pk in tenus
    )
    for ligne in lire_csv(fichier, "date_effet montant statut source"):
        ligne.obligatoire("date_effet")
        synchronisation.ajouter(
            ligne,
            date_effet=ligne.date("date_effet"),
            montant=ligne.decimal("montant"),
            statut=ligne.obligatoire("statut"),
            source=ligne.obligatoire("source"),
        )
    return synchronisation.ecrire()


def charger_baremes_adultes_relais(fichier: Path) -> Bilan:
    return charger_des_baremes(BaremeAdulteRelais, fichier)


def charger_baremes_fonjep(fichier: Path) -> Bilan:
    return charger_des_baremes(BaremeFonjep, fichier)


def charger_reperes_pre(fichier: Path) -> Bilan:
    synchronisation = Synchronisation(ReperePre, ["annee perimetre"], ReperePre.objects.all())
    for ligne in lire_csv(fichier, "annee perimetre cout enfants source"):
        synchronisation.ajouter(
            ligne,
            annee=ligne.entier("annee"),
            perimetre=ligne.obligatoire("perimetre"),
            cout=ligne.decimal("cout"),
            enfants=ligne.entier("enfants"),
            source=ligne.obligatoire("source"),
        )
    return synchronisation.ecrire()


TABLES = [
    Table("barèmes adultes-relais", "baremes_adultes_relais.csv", charger_baremes_adultes_relais),
    Table("barèmes FONJEP", "baremes_fonjep.csv", charger_baremes_fonjep),
    Table("repères de PRE", "reperes_pre.csv", charger_reperes_pre),
]
