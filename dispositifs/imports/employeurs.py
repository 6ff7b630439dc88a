"""Qui emploie : l'organisme du SIRET publié, du SIREN, ou du même nom ; inconnu, il est créé."""

from collections.abc import Iterable

from politique_ville.outils.recherche import normaliser
from politique_ville.outils.siret import siret_valide
from programmation.enums import Droit, FormeOrganisme
from programmation.imports.fiches import Fiche, Journal
from programmation.imports.porteurs import Porteurs

from .lignes import LigneDeListe


def donner_leur_employeur(lignes: Iterable[LigneDeListe], journal: Journal) -> Porteurs:
    """Donne à chaque ligne son employeur ; rend aussi ceux que la confirmation créera.

    Un employeur, désigné par son SIRET ou son nom, n'est cherché et dit qu'une fois.
    """
    par_designation = {}
    for ligne in sorted(lignes, key=lambda ligne: -ligne.annee):  # le nom et le SIRET les plus récents d'abord
        par_designation.setdefault(_designation(ligne, journal), []).append(ligne)
    fiches = [_fiche(siennes, cle, journal) for cle, siennes in par_designation.items()]
    porteurs = Porteurs(fiches)
    porteurs.trouver(fiches)
    for fiche, siennes in zip(fiches, par_designation.values(), strict=True):
        for ligne in siennes:
            ligne.employeur = fiche.porteur
            ligne.refusee |= fiche.refusee
    _annoncer(porteurs.a_creer, fiches)
    return porteurs


def _designation(ligne, journal):
    """Le SIRET, ou le nom si le SIRET manque ou ne peut pas être le bon."""
    if ligne.siret and not siret_valide(ligne.siret):
        message = f"la clé du SIRET {ligne.siret} est fausse : {ligne.raison_sociale} est cherché par son nom."
        journal.avertir(ligne.numero, "siret", message, "SIRET à la clé fausse : l’employeur est cherché par son nom.")
    elif ligne.siret:
        return ligne.siret
    return normaliser(ligne.raison_sociale)


def _fiche(lignes, designation, journal):
    """La désignation comme la lit le répertoire des porteurs ; ce qu'il y a à en dire l'est à la première ligne."""
    derniere, premiere = lignes[0], lignes[-1]
    valeurs = {"porteur": derniere.raison_sociale, "forme": forme_probable(derniere)}
    if designation == derniere.siret:
        valeurs["siret"] = derniere.siret
    return Fiche(premiere.numero, journal, valeurs)


def _annoncer(nouveaux, fiches):
    """Chaque employeur à créer, une fois ; celui qui n'a pas de SIRET est déjà dit. Un SIREN public fait son droit."""
    par_organisme = {id(fiche.porteur): fiche for fiche in reversed(fiches) if "siret" in fiche.valeurs}
    for organisme in nouveaux:
        if (organisme.siren or "").startswith(("1", "2")):
            organisme.droit = Droit.PUBLIC
        if fiche := par_organisme.get(id(organisme)):
            inconnu = f"« {organisme} » est inconnu du répertoire et sera créé."
            fiche.avertir("siret", inconnu, "employeurs inconnus du répertoire, qui seront créés.")


def forme_probable(ligne: LigneDeListe) -> FormeOrganisme:
    """D'après le SIREN et le nom : l'INSEE numérote 21 les communes, 26 les CCAS, 1 et 2 toute personne publique."""
    nom = normaliser(ligne.raison_sociale)
    if ligne.siret.startswith("21"):
        return FormeOrganisme.COMMUNE
    if "ccas" in nom.split() or "centre communal d action sociale" in nom:
        return FormeOrganisme.CCAS
    return FormeOrganisme.AUTRE if ligne.siret.startswith(("1", "2")) else FormeOrganisme.ASSOCIATION
