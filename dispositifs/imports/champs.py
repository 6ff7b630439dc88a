"""Les colonnes des listes de l'ANCT (data.gouv.fr, « Subventions politique de la ville »), sous leurs noms publiés."""

import re

from django.core.exceptions import ValidationError
from django.utils import timezone

from politique_ville.outils.siret import LONGUEUR_SIRET, normaliser_siret
from politique_ville.outils.tableur.champs import (
    NOTATION_SCIENTIFIQUE,
    Champ,
    Convertisseur,
    en_texte,
    entier,
    montant,
    texte,
)
from territoires.models import Departement

from ..models import ReleveAnct
from .departements import HorsDuDepartement, code_du_departement

PREMIERE_ANNEE_PUBLIEE = 2000  # les adultes-relais datent de 1999, les listes sont postérieures
# L'identifiant d'un adulte-relais : le poste sur dix signes, puis deux chiffres pour la convention. Les trois premiers
# signes sont le département (02A, 59L et 59V ont une lettre), les deux suivants l'année ; il y a des « 04006RT00305 ».
ID_ADULTE_RELAIS = re.compile(r"\d{2}[0-9A-Z]\d{2}R[0-9T]\d{3}(\d{2})?")
ID_FONJEP = re.compile(r"[A-Z0-9]{4,10}")
# Ce que laisse un accent mal lu : « RÃ‰GIE », « R‚gie », « RŽgie », ou le caractère de remplacement.
MAL_ENCODE = re.compile("\N{REPLACEMENT CHARACTER}|[ÃÂ][^a-zA-Z ]|[a-zA-Z][‚„ˆ‡]|[‚„ˆ‡][a-zA-Z]|[a-zA-Z][ŽŠ][a-z]")

# En plus des titres que tout import refuse : dans une liste de postes, un nom est celui de qui l'occupe.
TITRES_NOMINATIFS = frozenset({"nom", "noms", "titulaire", "salarie", "salariee", "occupant", "adulte relais"})


def champs_d_une_liste(identifiant: Convertisseur, ou: Departement) -> list[Champ]:
    """Les champs d'une liste, dont l'identifiant de poste se lit par `identifiant` et les lignes sont celles d'`ou`."""
    modele = ReleveAnct._meta
    annees = entier(PREMIERE_ANNEE_PUBLIEE, timezone.localdate().year + 1)
    raison_sociale = texte_lisible(modele.get_field("raison_sociale").max_length)
    code = texte(modele.get_field("code_contrat").max_length)
    return [
        Champ("id", "Identifiant du poste", identifiant, ("id_poste", "id", "numéro de poste", "code du poste"), True),
        Champ("annee", "Année", annees, ("millésime", "exercice"), True),
        Champ("montant", "Montant publié", montant, ("montant", "coût", "montant théorique"), True),
        Champ("porteur", "Raison sociale", raison_sociale, ("raison_sociale", "employeur", "association"), True),
        Champ("siret", "SIRET", siret_publie, ("code_tiers", "siret employeur")),
        Champ(
            "contrat",
            "Code du contrat",
            code,
            ("code_cv", "contrat", "contrat de ville", "code contrat"),
            colonne_exigee=True,
        ),
        Champ(
            "departement",
            "Code du département",
            code_du_departement,
            ("insee_dep", "département"),
            ecarte=HorsDuDepartement(ou),
        ),
        Champ("source", "Source", texte(1_000)),
    ]


def identifiant_adulte_relais(cellule) -> str:
    return _identifiant(cellule, ID_ADULTE_RELAIS, "01414R004503")


def identifiant_fonjep(cellule) -> str:
    return _identifiant(cellule, ID_FONJEP, "D00924")


def _identifiant(cellule, forme, exemple):
    ecrit = re.sub(r"\s", "", en_texte(cellule)).upper()
    if not forme.fullmatch(ecrit):
        raise ValidationError(f"« {en_texte(cellule)} » n’est pas un identifiant de poste : par exemple {exemple}.")
    return ecrit


def texte_lisible(longueur: int) -> Convertisseur:
    """Un texte dont les accents ont été bien lus."""
    convertir = texte(longueur)

    def lire(cellule):
        valeur = convertir(cellule)
        if MAL_ENCODE.search(valeur):
            raise ValidationError(f"« {valeur} » est mal encodé : enregistrer le fichier en UTF-8, puis recommencer.")
        return valeur

    return lire


def siret_publie(cellule) -> str:
    """Quatorze chiffres, tels que publiés : une clé fausse se dit sans empêcher de garder la liste."""
    ecrit = normaliser_siret(en_texte(cellule))
    if NOTATION_SCIENTIFIQUE.fullmatch(ecrit):
        raise ValidationError(f"« {ecrit} » a perdu ses chiffres : mettre la colonne au format texte.")
    ecrit = ecrit.zfill(LONGUEUR_SIRET) if isinstance(cellule, int) else ecrit
    if not re.fullmatch(rf"[0-9]{{{LONGUEUR_SIRET}}}", ecrit):
        raise ValidationError(f"« {en_texte(cellule)} » n’est pas un SIRET : {LONGUEUR_SIRET} chiffres.")
    return ecrit
