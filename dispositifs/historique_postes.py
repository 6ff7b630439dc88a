"""L'histoire d'un poste : qui a changé quoi, quand et pourquoi, dans sa fiche et dans tout ce qu'il porte."""

from programmation.historique import Evenement, Suivi, lire_les_gestes

from .models import (
    AvenantAdulteRelais,
    ConventionAdulteRelais,
    LieuDuPoste,
    LieuFonjep,
    MissionDuPoste,
    Occupation,
    PosteAdulteRelais,
    PosteFonjep,
    TriennaliteFonjep,
)


def historique_du_poste(poste: PosteAdulteRelais) -> list[Evenement]:
    """Les gestes sur ce poste, le plus récent d'abord, ce qui a été supprimé compris."""
    siennes = ConventionAdulteRelais.history.filter(poste_id=poste.pk).order_by().values("id")
    du_poste, des_conventions = {"poste_id": poste.pk}, {"convention_id__in": siennes}
    return lire_les_gestes(
        [
            Suivi(PosteAdulteRelais, {"id": poste.pk}, principal="créé"),
            Suivi(LieuDuPoste, du_poste, sujet="quartier"),
            Suivi(MissionDuPoste, du_poste, feminin=True),
            Suivi(ConventionAdulteRelais, du_poste, feminin=True),
            Suivi(AvenantAdulteRelais, des_conventions),
            Suivi(Occupation, des_conventions, feminin=True),
        ]
    )


def historique_du_poste_fonjep(poste: PosteFonjep) -> list[Evenement]:
    """Les gestes sur ce poste et ses périodes, le plus récent d'abord."""
    return lire_les_gestes(
        [
            Suivi(PosteFonjep, {"id": poste.pk}, principal="créé"),
            Suivi(LieuFonjep, {"poste_id": poste.pk}, sujet="quartier"),
            Suivi(TriennaliteFonjep, {"poste_id": poste.pk}, feminin=True),
        ]
    )
