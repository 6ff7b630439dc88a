"""Ce qu'une habilitation ouvre parmi les postes et les programmes : la même forme que pour les actions."""

from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q

from comptes.enums import Role


def postes_ouverts(utilisateur, lieux):
    """La condition sur un poste (département, contrat?, quartiers) ; `lieux` : la table qui lie postes et quartiers.

    Un poste est une personne chez un employeur connu : les partenaires n'en voient aucun.
    """
    habilitations = [h for h in utilisateur.habilitations_actives if h.role in Role.de_l_etat()]
    return reduce(or_, (_porte(h, lieux) for h in habilitations), Q(pk__in=[]))


def _porte(habilitation, lieux):
    perimetre = habilitation.perimetre
    if perimetre.national:
        return Q(pk__isnull=False)
    porte = Q(departement__in=perimetre.departements) | Q(contrat__in=perimetre.contrats)
    if perimetre.quartiers:
        siens = Exists(lieux.objects.filter(poste=OuterRef("pk"), quartier__in=perimetre.quartiers))
        sans_lieu = ~Exists(lieux.objects.filter(poste=OuterRef("pk")))
        porte |= Q(contrat__in=perimetre.contrats_des_quartiers) & (siens | sans_lieu)
    if habilitation.role == Role.DELEGUE:
        porte |= Q(departement=habilitation.departement_concerne_id, contrat=None)
    return porte
