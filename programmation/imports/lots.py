"""La vie d'un lot : déposer un fichier, régler ses colonnes, en garder le plan, le confirmer.

C'est la porte de l'écran et de la commande, pour tous les modèles d'import : `quoi` en est le nom, `ou` l'exercice ou
le département que ce modèle demande. Le fichier déposé est gardé sous un nom tiré au sort, relu à chaque étape, et
jamais servi tel quel.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO
from uuid import uuid4

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from comptes.enums import Role
from comptes.models import Utilisateur
from politique_ville.outils.tableur.annotation import annoter
from politique_ville.outils.tableur.fichier import Fichier, FichierRefuse, Limites
from politique_ville.outils.tableur.lecture import Table, lire
from politique_ville.outils.tableur.modeles import Contexte, modele
from politique_ville.outils.tableur.moteur import preparer
from politique_ville.outils.tableur.plan import Anomalie, Gravite, Plan, Statut
from politique_ville.outils.tableur.reception import recevoir
from politique_ville.outils.typographie import insecables
from territoires.models import Departement

from ..enums import EtatLot, StatutExercice
from ..models import ACTIONS, Exercice, Lot, ModeleDeColonnes
from ..operations import OperationRefusee
from ..operations.outils import verrouiller_les_exercices
from .apercu import SORTS
from .colonnes import proposer, refuser_les_personnes, reglage

LIMITES = Limites(lignes=10_000)  # un grand département : 1 000 actions, une ligne pour chacun de dix financeurs
DIFFERENCES_DITES = 10


class DejaApplique(OperationRefusee):
    """Le lot a déjà été écrit : une seconde confirmation n'écrit rien."""


class PlanPerime(OperationRefusee):
    """La base a changé depuis l'aperçu : le nouveau plan est gardé, à relire. Les messages disent ce qui a changé."""

    def __init__(self, plan: Plan, differences: list[str]):
        self.plan = plan
        super().__init__(differences)


# --- Où importer ---


def exercices_ou_importer(utilisateur: Utilisateur) -> QuerySet[Exercice]:
    """Les exercices non clos des départements où cette personne écrit partout, les plus récents d'abord."""
    return _exercices_de(utilisateur).exclude(statut=StatutExercice.CLOS)


def limites_des_imports(utilisateur: Utilisateur) -> list[str]:
    """Ce qui empêchera un import, ou une partie : les exercices clos et les campagnes figées, en phrases."""
    exercices = list(_exercices_de(utilisateur).prefetch_related("campagnes"))
    clos = [str(exercice) for exercice in exercices if exercice.est_clos]
    phrases = [f"Exercices clos, où plus rien ne s’importe : {', '.join(clos)}."] if clos else []
    for exercice in exercices:
        figees = [f"« {campagne} »" for campagne in exercice.campagnes.all() if campagne.est_figee]
        if figees and not exercice.est_clos:
            ou = f"{exercice}, campagnes figées : {', '.join(figees)}"
            phrases.append(f"{ou}. Aucune action ne s’y ajoute ; celles qu’elles ont déjà se corrigent.")
    return [insecables(phrase) for phrase in phrases]


def departements_ou_importer(utilisateur: Utilisateur) -> QuerySet[Departement]:
    """Ceux où cette personne écrit partout : les seuls où elle importe."""
    habilitations = [h for h in utilisateur.habilitations_actives if h.role in Role.qui_ecrivent()]
    if any(h.france_entiere for h in habilitations):
        return Departement.objects.order_by("code")
    return Departement.objects.filter(pk__in={h.departement_id for h in habilitations} - {None}).order_by("code")


def _exercices_de(utilisateur):
    exercices = Exercice.objects.select_related("departement", "nomenclature").order_by("-annee", "departement__code")
    return exercices.filter(departement__in=departements_ou_importer(utilisateur).order_by())


# --- Lire un fichier, sans rien écrire ---


def recevoir_un_fichier(flux: BinaryIO, nom: str) -> Fichier:
    """Le fichier vérifié ; lève FichierRefuse."""
    return recevoir(flux, nom, LIMITES)


def contexte(ou: Exercice | Departement, par: Utilisateur, motif: str, quoi: str = ACTIONS) -> Contexte:
    """Lève DroitManquant ou OperationRefusee si la personne ne peut pas importer là."""
    return modele(quoi).contexte(ou, par, motif)


def lire_la_table(
    fichier: Fichier,
    contexte: Contexte,
    feuille: str | None = None,
    ligne: int | None = None,
    *,
    quoi: str = ACTIONS,
) -> Table:
    """La table du fichier, détectée ou choisie ; lève FichierRefuse, aussi pour des données sur des personnes."""
    table = lire(fichier, feuille, ligne, contexte.champs)
    refuser_les_personnes(table, modele(quoi).titres_nominatifs)
    return table


def correspondance(table: Table, colonnes: Mapping[str, int]) -> dict[str, Any]:
    """Ce qu'un lot retient de la lecture de son fichier."""
    return {"feuille": table.feuille, "ligne": table.ligne_des_entetes, "colonnes": dict(colonnes)}


def calculer(fichier: Fichier, contexte: Contexte, reglee: Mapping[str, Any], quoi: str = ACTIONS) -> Plan:
    """Le plan, sans rien écrire ; lève FichierRefuse."""
    options = {"feuille": reglee["feuille"], "ligne_des_entetes": reglee["ligne"], "colonnes": reglee["colonnes"]}
    plan = preparer(fichier, modele(quoi), contexte, **options)
    nommees = (
        replace(ligne, intitule=ligne.intitule or contexte.intitules_refuses.get(ligne.numero, ""))
        for ligne in plan.lignes
    )
    return replace(plan, lignes=tuple(nommees))


def essayer(
    fichier: Fichier,
    ou: Exercice | Departement,
    *,
    par: Utilisateur,
    quoi: str = ACTIONS,
    modele_de_colonnes: ModeleDeColonnes | None = None,
) -> Plan:
    """Le plan du fichier, sans garder ni le fichier ni le lot."""
    essai = contexte(ou, par, motif_du_lot(fichier.nom, timezone.now()), quoi)
    table = lire_la_table(fichier, essai, quoi=quoi)
    return calculer(fichier, essai, correspondance(table, proposer(table, essai.champs, modele_de_colonnes)), quoi)


def motif_du_lot(nom, instant) -> str:
    return f"Import « {nom} » du {timezone.localtime(instant):%d/%m/%Y}"


# --- Déposer et régler ---


def deposer(
    fichier: Fichier,
    ou: Exercice | Departement,
    *,
    par: Utilisateur,
    quoi: str = ACTIONS,
    modele_de_colonnes: ModeleDeColonnes | None = None,
) -> Lot:
    """Garde le fichier et la correspondance proposée ; le plan reste à calculer."""
    lecture = contexte(ou, par, "", quoi)
    table = lire_la_table(fichier, lecture, quoi=quoi)
    reglee = correspondance(table, proposer(table, lecture.champs, modele_de_colonnes))
    lot = Lot(modele=quoi, nom_du_fichier=fichier.nom[-255:], empreinte=fichier.empreinte, **_place(ou))
    lot.correspondance, lot.auteur = reglee, par
    lot.fichier.save(f"{uuid4().hex}{fichier.extension}", ContentFile(fichier.contenu), save=False)
    lot.save()
    return lot


def _place(ou):
    if isinstance(ou, Exercice):
        return {"exercice": ou, "departement": ou.departement}
    return {"departement": ou}


def rouvrir_le_fichier(lot: Lot) -> Fichier:
    """Le fichier gardé, vérifié de nouveau ; lève FichierRefuse s'il manque ou s'il a changé."""
    try:
        with lot.fichier.open("rb") as flux:
            fichier = recevoir_un_fichier(flux, lot.nom_du_fichier)
    except FileNotFoundError as erreur:
        raise FichierRefuse("Ce fichier n’est plus sur le serveur : le déposer de nouveau.") from erreur
    if fichier.empreinte != lot.empreinte:
        raise FichierRefuse("Ce fichier a changé sur le serveur : le déposer de nouveau.")
    return fichier


def contexte_du_lot(lot: Lot, par: Utilisateur) -> Contexte:
    return contexte(lot.ou, par, motif_du_lot(lot.nom_du_fichier, lot.cree_le), lot.modele)


def planifier(lot: Lot, *, par: Utilisateur, reglee: Mapping[str, Any] | None = None) -> Plan:
    """Calcule et garde le plan du lot, avec la correspondance donnée ou la sienne ; lève FichierRefuse."""
    reglee = reglee or lot.correspondance
    plan = calculer(rouvrir_le_fichier(lot), contexte_du_lot(lot, par), reglee, lot.modele)
    with transaction.atomic():
        lot = _verrouiller(lot)
        lot.correspondance = reglee
        _garder(lot, plan)
    return plan


def nommer_les_colonnes(lot: Lot, table: Table, colonnes: Mapping[str, int], nom: str, *, par: Utilisateur) -> None:
    """Retient la correspondance sous un nom, pour les fichiers suivants du département ; remplace celle de ce nom."""
    ModeleDeColonnes.objects.update_or_create(
        departement=lot.departement,
        modele=lot.modele,
        nom=nom,
        defaults={"auteur": par, "correspondance": reglage(table, colonnes)},
    )


# --- Confirmer ---


def confirmer(lot: Lot, *, par: Utilisateur, deposer_les_completes: bool = False) -> Lot:
    """Relit le fichier et recalcule le plan sous verrou, puis l'écrit en une transaction.

    `deposer_les_completes` : dépose aussi les actions créées à qui il ne manque rien.

    Lève DejaApplique, PlanPerime (le nouveau plan est gardé) ou OperationRefusee, sans rien écrire d'autre.
    """
    try:
        with transaction.atomic():
            return _appliquer(_verrouiller(lot), par, deposer_les_completes)
    except PlanPerime as perime:
        with transaction.atomic():
            _garder(_verrouiller(lot), perime.plan)
        raise


def _appliquer(lot, par, deposer_les_completes):
    application = contexte_du_lot(lot, par)
    plan = calculer(rouvrir_le_fichier(lot), application, lot.correspondance, lot.modele)
    differences = comparer(lot.plan, plan.en_json())
    if differences:
        raise PlanPerime(plan, differences)
    if not plan.est_applicable:
        raise OperationRefusee("Ce fichier porte des refus : rien n’est écrit tant qu’il en reste un.")
    application.deposer_les_completes = deposer_les_completes
    modele(lot.modele).appliquer(plan, application)
    lot.etat, lot.applique_le = EtatLot.APPLIQUE, timezone.now()
    lot.save(update_fields=["etat", "applique_le"])
    return lot


def _verrouiller(lot):
    """Le lot relu sous verrou, et avec lui là où il écrit ; lève DejaApplique s'il est écrit."""
    lot = Lot.objects.select_for_update(of=("self",)).get(pk=lot.pk)
    if lot.etat == EtatLot.APPLIQUE:
        raise DejaApplique("Cet import est déjà écrit : rien de plus n’a été fait.")
    if lot.exercice_id:
        lot.exercice = verrouiller_les_exercices([lot.exercice_id])[lot.exercice_id]
    else:
        lot.departement = Departement.objects.select_for_update(no_key=True).get(pk=lot.departement_id)
    return lot


def _garder(lot, plan):
    lot.plan = plan.en_json()
    lot.etat = EtatLot.PREPARE if plan.est_applicable else EtatLot.REFUSE
    lot.save(update_fields=["plan", "etat", "correspondance"])


def comparer(ancien: Mapping[str, Any], nouveau: Mapping[str, Any]) -> list[str]:
    """Ce que l'aperçu ne montrait pas, en phrases ; les totaux, que d'autres font bouger, n'y comptent pas."""
    if not ancien:
        return ["Le plan n’a pas encore été calculé : le relire avant de confirmer."]
    avant = {ligne["numero"]: ligne for ligne in ancien["lignes"]}
    apres = {ligne["numero"]: ligne for ligne in nouveau["lignes"]}
    differences = [_difference(n, avant.get(n), apres.get(n)) for n in sorted({*avant, *apres})]
    dites = [phrase for phrase in differences if phrase]
    if len(dites) > DIFFERENCES_DITES:
        dites[DIFFERENCES_DITES:] = [f"Et {len(dites) - DIFFERENCES_DITES} autres lignes."]
    return dites


def _difference(numero, avant, apres):
    if avant == apres:
        return ""
    if avant is None or apres is None or avant["statut"] != apres["statut"]:
        mots = [SORTS[Statut(ligne["statut"])].libelle if ligne else "absente" for ligne in (avant, apres)]
        return f"Ligne {numero} : elle était {mots[0]}, elle serait maintenant {mots[1]}."
    champs = {*avant["changements"], *apres["changements"]}
    changes = sorted(nom for nom in champs if avant["changements"].get(nom) != apres["changements"].get(nom))
    return f"Ligne {numero} : ce qui changerait n’est plus le même ({', '.join(changes) or 'un autre objet'})."


# --- Rendre le fichier annoté ---


def annoter_le_fichier(lot: Lot) -> bytes:
    """Le fichier de l'agent, en xlsx, ses cellules refusées en rouge ; lève FichierRefuse."""
    reglee = lot.correspondance
    table = lire(rouvrir_le_fichier(lot), reglee["feuille"], reglee["ligne"])
    return annoter(table, anomalies(lot))


def anomalies(lot: Lot) -> list[Anomalie]:
    """Les messages du plan gardé, dans l'ordre du calcul."""
    champs = ("cellule", "champ", "valeur", "message")
    gardees = lot.plan.get("anomalies", ())
    return [Anomalie(*(gardee[champ] for champ in champs), Gravite(gardee["gravite"])) for gardee in gardees]
