"""Ce qui étonne dans une liste publiée, nommé à sa cellule ; ce qui se répète trop se dit une fois pour la colonne.

Aucune de ces anomalies n'empêche d'importer, sauf une ligne recopiée et un poste donné à deux employeurs la même année.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from politique_ville.outils.francais import euros, nombre, pluriel
from politique_ville.outils.siret import LONGUEUR_SIREN
from politique_ville.outils.tableur.fichier import FichierRefuse
from programmation.imports.fiches import Journal
from territoires.models import Departement

from .departements import debut_des_numeros, est_un_numero_du
from .lignes import LigneDeListe, refuser
from .releves import Garde


def sans_les_recopies(lignes: Iterable[LigneDeListe], journal: Journal) -> list[LigneDeListe]:
    """Refuse la seconde de deux lignes égales cellule pour cellule, collée deux fois ; rend les autres.

    Celle qui est déjà gardée le reste : rejouer une liste ne change rien.
    """
    originales, autres = {}, []
    for ligne in lignes:
        originale = originales.setdefault(ligne.cellules, ligne)
        if originale is ligne or ligne.releve:
            autres.append(ligne)
        else:
            recopie = f"cette ligne recopie la ligne {originale.numero}, cellule pour cellule : en supprimer une."
            refuser(ligne, "id", recopie, journal)
    return autres


def dire_les_repetitions(lignes: Iterable[LigneDeListe], gardes: Iterable[Garde], journal: Journal) -> None:
    """Un poste nommé deux fois la même année ; chez deux employeurs, on ne sait pas à qui il est : c'est un refus."""
    premieres = {}
    deja_gardes = defaultdict(set)
    for garde in gardes:
        deja_gardes[garde.annee, garde.poste].add(garde.id_publie)
    for ligne in lignes:
        cle = ligne.annee, ligne.poste
        if cle in premieres:
            _dire_la_repetition(ligne, premieres[cle], journal)
        elif ligne.releve is None and deja_gardes[cle]:
            ensemble = f"Postes déjà gardés en {ligne.annee} sous un autre identifiant : ces lignes s’y ajoutent."
            autres = ", ".join(sorted(deja_gardes[cle]))
            message = f"{ligne.poste} est déjà gardé en {ligne.annee}, sous {autres} : cette ligne s’y ajoute."
            journal.avertir(ligne.numero, "id", message, ensemble)
        premieres.setdefault(cle, ligne)


def _dire_la_repetition(ligne, premiere, journal):
    deja = f"{ligne.poste} est déjà dans la liste de {ligne.annee}, à la ligne {premiere.numero}"
    if ligne.siret and premiere.siret and ligne.siret[:LONGUEUR_SIREN] != premiere.siret[:LONGUEUR_SIREN]:
        refuser(ligne, "id", f"{deja}, chez un autre employeur : garder une seule des deux lignes.", journal)
    elif ligne.montant != premiere.montant:
        montants = f"{euros(ligne.montant)} au lieu de {euros(premiere.montant)}"
        journal.avertir(
            ligne.numero,
            "id",
            f"{deja}, pour un autre montant, {montants} : la répétition est gardée.",
            f"Postes répétés dans la liste de {ligne.annee} pour un autre montant, et gardés.",
        )
    else:
        ensemble = f"Postes répétés dans la liste de {ligne.annee}, et gardés."
        journal.avertir(ligne.numero, "id", f"{deja} : la répétition est gardée.", ensemble)


def dire_les_autres_departements(lignes: Iterable[LigneDeListe], departement: Departement, journal: Journal) -> None:
    """Les numéros d'un autre département ; lève FichierRefuse si la plupart le sont : cette liste est d'ailleurs, ou
    nationale sans colonne qui le dise."""
    lignes = list(lignes)
    ailleurs = [ligne for ligne in lignes if not est_un_numero_du(departement, ligne.poste)]
    if 2 * len(ailleurs) > len(lignes):
        raise FichierRefuse(
            f"{pluriel(len(ailleurs), 'numéro', 'numéros')} de cette liste sur {nombre(len(lignes))} ne sont pas du "
            f"département {departement}, dont les postes commencent par {debut_des_numeros(departement)} : choisir la "
            "colonne du département, ou déposer sa liste."
        )
    for ligne in ailleurs:
        message = f"{ligne.id_publie} est le numéro d’un autre département ; il est gardé dans {departement}."
        journal.avertir(ligne.numero, "id", message, f"Numéros d’un autre département, gardés dans {departement}.")


def dire_les_montants_fonjep(lignes: Iterable[LigneDeListe], montants: set[Decimal], journal: Journal) -> None:
    """Un adulte-relais publié au montant d'un poste FONJEP : l'erreur de toute la liste de 2025."""
    for ligne in lignes:
        if ligne.montant in montants:
            erreur = f"{euros(ligne.montant)} est le montant d’un poste FONJEP, pas d’un adulte-relais"
            garde = "le relevé le garde tel que publié"
            ensemble = f"Liste de {ligne.annee} : {erreur} ; {garde}."
            journal.avertir(ligne.numero, "montant", f"{erreur} : {garde}.", ensemble)


def dire_les_sirets_qui_changent(lignes: Iterable[LigneDeListe], gardes: Iterable[Garde], journal: Journal) -> None:
    """Le SIRET d'un poste qui n'est pas celui de l'année précédente, dans la liste ou dans ce qui est déjà gardé."""
    lignes = [ligne for ligne in lignes if ligne.siret]
    par_poste = defaultdict(dict)
    for publie in (*(garde for garde in gardes if garde.siret), *lignes):
        par_poste[publie.poste][publie.annee] = publie.siret
    for ligne in lignes:
        sirets = par_poste[ligne.poste]
        _dire_le_changement(
            ligne, max((annee for annee in sirets if annee < ligne.annee), default=None), sirets, journal
        )


def _dire_le_changement(ligne, precedente, sirets, journal):
    avant = sirets.get(precedente, ligne.siret)
    if avant == ligne.siret:
        return
    suite = "" if avant[:LONGUEUR_SIREN] == ligne.siret[:LONGUEUR_SIREN] else ", et l’employeur avec lui"
    change = f"le SIRET de {ligne.poste} change{suite} : {avant} en {precedente}, {ligne.siret} en {ligne.annee}."
    journal.avertir(ligne.numero, "siret", change, "Postes dont le SIRET change d’une année à l’autre.")
