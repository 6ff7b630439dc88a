"""Le fichier à remplir : une ligne par action, avec ses listes de choix et son mode d'emploi."""

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

from politique_ville.outils.classeur import Colonne, Feuille, lettre
from politique_ville.outils.recherche import normaliser
from politique_ville.outils.tableur.champs import Champ

from ..enums import Duree, Echelle, FormeOrganisme, Origine, StatutAction
from .champs import FAMILLE, FINANCEUR, LIGNE
from .references import References

LISTES = "Listes"
HORS_MODELE = ("cle", "version", "tranche", "siren", "accorde_p147", FINANCEUR, LIGNE)
FORMATS = {"siret": "texte", "dossier": "texte", "thematique": "texte", "date_debut": "date", "date_fin": "date"}
MONTANTS = ("cout_previsionnel", "contributions_volontaires", "demande_p147", "propose_p147", FAMILLE)
LARGES = ("intitule", "porteur", "description", "objectifs", "quartiers", "thematique")
NOTES = (
    "Une ligne par action, dans la feuille « Actions ». L’ordre des colonnes est libre ; celles qui ne servent pas se "
    "suppriment.",
    "Une cellule vide ne change rien à une action déjà enregistrée. Un montant s’écrit en euros, une date JJ/MM/AAAA.",
    "Aucune donnée sur une personne : ni nom de bénéficiaire, ni date de naissance, ni coordonnées personnelles.",
)


def modele_vide(references: References, champs: Sequence[Champ]) -> tuple[Feuille, ...]:
    """Les trois feuilles du fichier : « Actions » (vide), « Mode d’emploi », « Listes »."""
    retenus = [champ for champ in champs if not champ.nom.startswith(HORS_MODELE)]
    choix = {champ.libelle: valeurs for champ in retenus if (valeurs := _choix(references, champ.nom))}
    plages = {libelle: _plage(rang, len(choix[libelle])) for rang, libelle in enumerate(choix, 1)}
    actions = tuple(_colonne(champ, plages.get(champ.libelle, "")) for champ in retenus)
    return Feuille("Actions", actions, []), _mode_d_emploi(retenus), _listes(choix)


def _colonne(champ, plage):
    montant = champ.nom.startswith(MONTANTS)
    largeur = 45 if champ.nom in LARGES else 18
    return Colonne(champ.libelle, str, "euros" if montant else FORMATS.get(champ.nom, "general"), largeur, liste=plage)


def _choix(references, nom):
    return {
        "contrat": [*_contrats(references), "Département"],
        "echelle": Echelle.labels,
        "quartiers": _quartiers(references),
        "thematique": [str(thematique) for thematique in references.thematiques],
        "pilier": [str(pilier) for pilier in references.piliers],
        "dispositif": [str(dispositif) for dispositif in references.dispositifs],
        "origine": Origine.labels,
        "duree": [Duree.ANNUELLE.label, "CPO 1/3", "CPO 2/3", "CPO 3/3"],
        "forme": FormeOrganisme.labels,
        "statut": [StatutAction.BROUILLON.label, StatutAction.DEPOSEE.label],
    }.get(nom, ())


def _contrats(references):
    """Leur intitulé, que tout agent connaît ; avec leur code s'ils sont deux à le porter."""
    en_vigueur = [contrat for contrat in references.contrats if contrat.couvre(references.exercice.annee)]
    portes = Counter(normaliser(contrat.intitule) for contrat in en_vigueur)
    return [
        contrat.intitule if portes[normaliser(contrat.intitule)] == 1 else f"{contrat.code or ''} {contrat}".strip()
        for contrat in sorted(en_vigueur, key=lambda contrat: (normaliser(contrat.intitule), contrat.code or ""))
    ]


def _quartiers(references):
    """Leur nom, une fois : s'ils sont deux à le porter, c'est le contrat de la ligne qui dit lequel."""
    annee = references.exercice.annee
    noms = {normaliser(str(q)): str(q) for q in references.quartiers if q.contrat.couvre(annee)}
    return [noms[cle] for cle in sorted(noms)]


def _plage(rang, nombre):
    colonne = lettre(rang)
    return f"='{LISTES}'!${colonne}$2:${colonne}${nombre + 1}"


def _listes(choix):
    colonnes = tuple(Colonne(libelle, _valeur(rang), largeur=40) for rang, libelle in enumerate(choix))
    return Feuille(LISTES, colonnes, list(zip_longest(*choix.values())))


def _valeur(rang):
    return lambda ligne: ligne[rang]


def _mode_d_emploi(champs):
    colonnes = (
        Colonne("Colonne", lambda champ: champ.libelle, largeur=30),
        Colonne("Ce qu’on y écrit", lambda champ: champ.aide or "Facultatif.", largeur=100),
    )
    return Feuille("Mode d’emploi", colonnes, champs, "Importer des actions", NOTES)
