"""Les gestes qui engagent tout un exercice : ils le photographient dans la transaction même qui le change."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from comptes.models import Utilisateur
from programmation import operations as programmation
from programmation.models import Campagne, Comite, Exercice
from programmation.operations.exercices import exiger_le_responsable
from programmation.operations.outils import verrouiller_les_exercices

from . import photographies
from .models import MOTIF_DE_CLOTURE, Photographie
from .passage import Passage, preparer_le_passage


def figer_campagne(campagne: Campagne, *, par: Utilisateur, le: datetime | None = None) -> Photographie:
    """Fige la campagne et photographie son exercice ; `le` date un gel passé que l'on reprend.

    Lève DroitManquant ou OperationRefusee (déjà figée, date future) sans rien écrire.
    """
    with transaction.atomic():
        campagne = programmation.figer(campagne, par=par, le=le)
        return photographier(campagne.exercice, f"Gel de la campagne « {campagne} »", le=le)


def cloturer_exercice(exercice: Exercice, *, par: Utilisateur, le: datetime | None = None) -> Photographie:
    """Clôt l'exercice, dont toutes les campagnes sont figées, et photographie ce qui ne changera plus."""
    with transaction.atomic():
        exercice = programmation.clore(exercice, par=par)
        return photographier(exercice, f"{MOTIF_DE_CLOTURE} {exercice.annee}", le=le)


def rouvrir_exercice(exercice: Exercice, *, par: Utilisateur, motif: str) -> Photographie:
    """Rouvre un exercice clos, avec un motif, et photographie ce qu'il était avant les changements qui suivront."""
    with transaction.atomic():
        exercice = programmation.rouvrir(exercice, par=par, motif=motif)
        return photographier(exercice, f"Réouverture de l’exercice {exercice.annee}")


def terminer_un_comite(comite: Comite, *, par: Utilisateur) -> Photographie:
    """Termine la séance et photographie l'exercice : la photographie dit ce que dit le relevé de décisions.

    Lève DejaFait (terminé une seconde fois), DroitManquant ou OperationRefusee (séance fermée) sans rien écrire.
    """
    with transaction.atomic():
        comite = programmation.terminer(comite, par=par)
        motif = f"Fin du {programmation.comite_en_mots(comite)}, « {comite.campagne} »"
        return photographier(comite.campagne.exercice, motif[:250], le=comite.termine_le, comite=comite)


def photographier(
    exercice: Exercice, motif: str, *, le: datetime | None = None, comite: Comite | None = None
) -> Photographie:
    """Garde la programmation de l'exercice telle qu'elle est : ses lignes, sa synthèse et leur empreinte.

    `comite` : celui qui vient de se terminer. À appeler dans la transaction du geste que l'on photographie.
    """
    if le and le > timezone.now():
        raise programmation.OperationRefusee("La date d’une photographie n’est jamais dans le futur.")
    lignes, synthese = photographies.lignes(exercice), photographies.synthese(exercice)
    return Photographie.objects.create(
        exercice=exercice,
        prise_le=le or timezone.now(),
        motif=motif,
        comite=comite,
        lignes=lignes,
        synthese=synthese,
        empreinte=photographies.empreinte(lignes, synthese),
    )


# --- L'année suivante ---


def passer_a_l_annee_suivante(exercice: Exercice, *, par: Utilisateur) -> Passage:
    """Prépare l'exercice suivant, ou lui ajoute ce qui lui manque ; rend ce qui a été ajouté.

    Rejoué, n'ajoute que ce qui manque et ne modifie rien de ce qui existe. Lève DroitManquant ou OperationRefusee
    (nomenclature inconnue, année suivante close) sans rien écrire.
    """
    annee = exercice.annee
    with transaction.atomic():
        # L'année suivante, si elle existe, se verrouille avec celle-ci, dans l'ordre que suivent tous les gestes.
        siens = Exercice.objects.filter(departement=exercice.departement_id, annee__in=[annee, annee + 1])
        exercice = verrouiller_les_exercices(siens.order_by("pk"))[exercice.pk]
        exiger_le_responsable(par, exercice)
        passage = preparer_le_passage(exercice)
        if passage.suivant and passage.suivant.est_clos:
            raise programmation.OperationRefusee(f"L’exercice {passage.annee} est clos : rien ne s’y ajoute.")
        suivant, restantes = preparer_le_suivant(passage, par)
        for campagne in restantes:
            programmation.creer_une_campagne(suivant, **campagne.champs, par=par)
        creer_les_enveloppes(suivant, passage.enveloppes, par)
    return passage


def preparer_le_suivant(passage, par):
    """L'exercice suivant et les campagnes qui restent à créer : préparé à l'instant, il naît avec la première."""
    if passage.suivant:
        return passage.suivant, passage.campagnes
    premiere = next(iter(passage.campagnes), None)
    suivant = programmation.preparer_un_exercice(
        passage.exercice.departement, passage.annee, par=par, campagne=premiere.champs if premiere else None
    )
    return suivant, passage.campagnes[1:]


def creer_les_enveloppes(suivant, enveloppes, par):
    """Les mères viennent avant leurs filles."""
    par_libelle = {enveloppe.libelle: enveloppe for enveloppe in suivant.enveloppes.all()}
    for prevue in enveloppes:
        mere = par_libelle.get(prevue.mere)
        creee = programmation.creer_une_enveloppe(suivant, prevue.libelle, parent=mere, par=par, **prevue.champs)
        par_libelle[prevue.libelle] = creee
