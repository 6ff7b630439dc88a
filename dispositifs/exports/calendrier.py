"""Le calendrier (.ics) des échéances d'une personne : les mêmes que son radar, une journée chacune."""

from collections.abc import Callable
from datetime import date as Date
from datetime import datetime, timedelta

from comptes.models import Utilisateur

from ..models import ConventionAdulteRelais, PosteFonjep, TriennaliteFonjep
from ..synthese import Echeance, EvaluationAttendue, evaluations_attendues, radar

PRODUIT = "-//Programmation ville//Échéances des postes//FR"
FRAICHEUR = timedelta(hours=12)


def calendrier(utilisateur: Utilisateur, au: Date, adresse: Callable[[object], str], ecrit_le: datetime) -> bytes:
    """Le fichier. `adresse(poste)` : celle de sa fiche. Sans habilitation, il est vide."""
    from icalendar import Calendar  # ici seulement : aucune autre page n'en a besoin

    ics = Calendar({"prodid": PRODUIT, "version": "2.0"})
    ics.add("x-wr-calname", "Échéances des postes")
    ics.add("refresh-interval", FRAICHEUR, parameters={"value": "DURATION"})
    for jour, uid, titre, detail, poste in evenements(utilisateur, au):
        ics.add_component(evenement(jour, uid, titre, detail, adresse(poste), ecrit_le))
    return ics.to_ical()


def evenements(utilisateur, au):
    """(jour, identifiant stable, titre, détail, poste) de chaque échéance visible."""
    conventions = ConventionAdulteRelais.objects.visibles_par(utilisateur)
    for echeance in radar(conventions, au):
        yield de_la_convention(echeance)
    postes = PosteFonjep.objects.visibles_par(utilisateur).order_by()
    for attendue in evaluations_attendues(TriennaliteFonjep.objects.filter(poste__in=postes), au):
        yield de_l_evaluation(attendue)


def de_la_convention(echeance: Echeance):
    convention = echeance.convention
    poste, employeur = convention.poste, convention.poste.employeur.courant
    detail = f"{echeance.prochaine_etape}\nResponsable : {echeance.responsable or 'aucun'}"
    titre = f"Fin de convention : adulte-relais {poste}, {employeur}"
    return convention.fin, f"convention-{convention.pk}", titre, detail, poste


def de_l_evaluation(attendue: EvaluationAttendue):
    triennalite = attendue.triennalite
    poste = triennalite.poste
    titre = f"Évaluation attendue : FONJEP {poste}, {poste.association}"
    detail = f"Fin de période : {triennalite.fin:%d/%m/%Y}\nResponsable : {poste.agent_referent or 'aucun'}"
    return attendue.attendue_le, f"evaluation-{triennalite.pk}", titre, detail, poste


def evenement(jour, uid, titre, detail, adresse, ecrit_le):
    from icalendar import Event

    element = Event()
    element.add("uid", f"{uid}@programmation-ville")
    element.add("dtstamp", ecrit_le)
    element.add("dtstart", jour)
    element.add("dtend", jour + timedelta(days=1))
    element.add("summary", titre)
    element.add("description", f"{detail}\n{adresse}")
    element.add("url", adresse)
    element.add("transp", "TRANSPARENT")
    return element
